import { LabIcon } from '@jupyterlab/ui-components';

/** Many units that become one. */
export const icon = new LabIcon({
  name: 'nncompress-lab:icon',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3 jp-icon-selectable" fill="#616161">
    <circle cx="5" cy="4.5" r="2.5"/>
    <circle cx="5" cy="12" r="2.5"/>
    <circle cx="5" cy="19.5" r="2.5"/>
    <circle cx="19" cy="12" r="3"/>
    <path d="M5.6 3.7 18.4 10.9l-.8 1.5L4.8 5.2zM5 11.2h13v1.6H5zM4.8 18.8l12.8-7.2.8 1.5L5.6 20.3z"/>
  </g>
</svg>`
});
