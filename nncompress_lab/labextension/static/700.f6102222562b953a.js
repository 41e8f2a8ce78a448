"use strict";(self.rspackChunknncompress_lab=self.rspackChunknncompress_lab||[]).push([[700],{646(n,e,r){var o=r(601),t=r.n(o),l=r(314),a=r.n(l),i=r(154),c=r(724),p=a()(t());p.i(i.A),p.i(c.A),p.push([n.id,`
`,""]),r.d(e,{},{A:p})},724(n,e,r){var o=r(601),t=r.n(o),l=r(314),a=(r.n(l))()(t());a.push([n.id,`/* The course on the left. */

.nncl-Panel {
  min-width: 220px;
  overflow-y: auto;
  color: var(--jp-ui-font-color1);
  background: var(--jp-layout-color1);
  font-size: var(--jp-ui-font-size1);
  line-height: 1.4;
}

.nncl-Panel-title {
  position: sticky;
  top: 0;
  z-index: 1;
  margin: 0;
  background: inherit;
  padding: 10px 12px 8px;
  font-size: var(--jp-ui-font-size1);
  font-weight: 600;
}

.nncl-Panel-content {
  padding: 0 12px 24px;
}

.nncl-Panel-failure {
  margin: 8px 0;
  padding: 8px 12px;
  border-left: 3px solid var(--jp-warn-color1);
  overflow-wrap: anywhere;
}

.nncl-Course {
  display: flex;
  align-items: center;
  gap: 8px;
}

.nncl-Progress {
  flex: 1;
  height: 6px;
  overflow: hidden;
  border-radius: 3px;
  background: var(--jp-layout-color3);
}

.nncl-Progress-filled {
  height: 100%;
  background: var(--jp-brand-color1);
}

.nncl-mod-done .nncl-Progress-filled {
  background: var(--jp-success-color1);
}

.nncl-Score {
  min-width: 44px;
  font-variant-numeric: tabular-nums;
  text-align: right;
  white-space: nowrap;
}

.nncl-Lessons {
  margin: 12px 0 0;
  padding: 0;
  list-style: none;
}

.nncl-Lesson {
  padding: 10px 0 12px;
  border-top: 1px solid var(--jp-border-color2);
}

.nncl-Lesson-head {
  display: flex;
  align-items: flex-start;
  gap: 8px;
}

.nncl-Lesson h3 {
  display: flex;
  flex: 1;
  gap: 8px;
  margin: 0;
  font-size: var(--jp-ui-font-size1);
  font-weight: 600;
  overflow-wrap: anywhere;
}

.nncl-Lesson-id {
  flex: none;
  color: var(--jp-ui-font-color2);
  font-variant-numeric: tabular-nums;
  font-weight: normal;
}

.nncl-Lesson-facts {
  margin: 0 0 6px;
  padding-left: 24px;
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
}

.nncl-Difficulty {
  letter-spacing: 1px;
}

.nncl-Lesson .nncl-Course,
.nncl-Checks {
  padding-left: 24px;
}

.nncl-Open {
  flex: none;
  padding: 2px 10px;
  border: 1px solid var(--jp-border-color1);
  border-radius: 4px;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font: inherit;
  font-size: var(--jp-ui-font-size0);
  line-height: 1.5;
  cursor: pointer;
}

.nncl-Open:hover {
  background: var(--jp-layout-color2);
}

.nncl-Link {
  padding: 0;
  border: none;
  background: none;
  color: var(--jp-content-link-color);
  font: inherit;
  text-align: left;
  overflow-wrap: anywhere;
  cursor: pointer;
}

.nncl-Link:hover {
  text-decoration: underline;
}

.nncl-Check .nncl-Link {
  color: inherit;
}

.nncl-Running {
  display: flex;
  flex-wrap: wrap;
  gap: 0 8px;
  margin: 0 0 6px;
  padding-left: 24px;
  font-size: var(--jp-ui-font-size0);
}

.nncl-Panel code {
  font-family: var(--jp-code-font-family);
  font-size: 0.92em;
}

.nncl-Link:focus-visible,
.nncl-Open:focus-visible,
.nncl-Checks summary:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 1px;
}

.nncl-Checks {
  margin-top: 4px;
}

.nncl-Checks summary {
  cursor: pointer;
}

.nncl-Checks ul {
  margin: 4px 0 0;
  padding: 0;
  list-style: none;
}

.nncl-Check {
  display: flex;
  gap: 8px;
  padding: 4px 0;
}

.nncl-Check-sign {
  width: 1em;
  flex: none;
  font-weight: 600;
  text-align: center;
}

.nncl-mod-pass > .nncl-Check-sign {
  color: var(--jp-success-color1);
}

.nncl-mod-fail > .nncl-Check-sign,
.nncl-mod-error > .nncl-Check-sign {
  color: var(--jp-error-color1);
}

.nncl-Check-words {
  display: block;
  overflow-wrap: anywhere;
}

.nncl-Check-words {
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
}

.nncl-Check-message {
  margin: 2px 0 0;
  padding-left: 8px;
  border-left: 2px solid var(--jp-border-color1);
  overflow-wrap: anywhere;
}

/* A control in a notebook whose kernel is gone. */

.nncl-Stale {
  padding: 8px 12px;
  border-left: 3px solid var(--jp-border-color1);
}

.nncl-Stale img {
  display: block;
  max-width: 100%;
  margin-bottom: 8px;
  opacity: 0.75;
}

.nncl-Stale p {
  margin: 0 0 8px;
}

.nncl-Stale .nncl-Open {
  margin-right: 8px;
}

.nncl-Stale-reason {
  color: var(--jp-ui-font-color2);
}

/* Its label in the side bar, which the others lack. */
.jp-SideBar [data-id='nncompress-lab-course'] .lm-TabBar-tabLabel {
  margin-block: 6px;
}

.nncl-Results-title {
  margin: 14px 0 4px;
  padding-top: 10px;
  border-top: 1px solid var(--jp-border-color2);
  font-size: var(--jp-ui-font-size1);
  font-weight: 600;
}

.nncl-Results {
  width: 100%;
  border-collapse: collapse;
  font-size: var(--jp-ui-font-size0);
}

.nncl-Results th,
.nncl-Results td {
  padding: 3px 0 3px 8px;
  font-variant-numeric: tabular-nums;
  font-weight: normal;
  text-align: right;
  vertical-align: top;
  white-space: nowrap;
}

.nncl-Results th {
  color: var(--jp-ui-font-color2);
}

.nncl-Results :is(th, td):first-child {
  padding-left: 0;
  text-align: left;
  white-space: normal;
}

.nncl-Results-setting {
  display: block;
  color: var(--jp-ui-font-color2);
}
`,""]),r.d(e,{},{A:a})},154(n,e,r){var o=r(601),t=r.n(o),l=r(314),a=(r.n(l))()(t());a.push([n.id,`/* The tab of a model file. */

.nncl-Viewer {
  box-sizing: border-box;
  padding: 20px 24px 32px;
  overflow: auto;
  color: var(--jp-ui-font-color1);
  background: var(--jp-layout-color1);
  font-family: var(--jp-ui-font-family);
  font-size: var(--jp-ui-font-size1);
  line-height: 1.4;

  --nncl-weights: var(--jp-brand-color1);
  --nncl-optimizer: var(--jp-warn-color1);
  --nncl-config: var(--jp-success-color1);
  --nncl-other: var(--jp-layout-color4);
}

.nncl-Viewer:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: -2px;
}

.nncl-Viewer h1,
.nncl-Viewer h2,
.nncl-Viewer p,
.nncl-Viewer dl,
.nncl-Viewer dd,
.nncl-Viewer ul {
  margin: 0;
  padding: 0;
}

.nncl-Viewer h1 {
  font-size: var(--jp-ui-font-size3);
  font-weight: 600;
  line-height: 1.3;
  overflow-wrap: anywhere;
}

.nncl-Viewer h2 {
  margin-bottom: 8px;
  font-size: var(--jp-ui-font-size1);
  font-weight: 600;
}

.nncl-Subtitle,
.nncl-Viewer-wait,
.nncl-Muted {
  color: var(--jp-ui-font-color2);
}

.nncl-Subtitle {
  overflow-wrap: anywhere;
}

/* Key figures */

.nncl-Viewer .nncl-Figures {
  display: grid;
  grid-template-columns: repeat(auto-fit, minmax(140px, 1fr));
  gap: 12px;
  margin: 16px 0 20px;
}

.nncl-Figure {
  padding: 10px 14px 12px;
  border: 1px solid var(--jp-border-color2);
  border-radius: 6px;
}

.nncl-Figure dt,
.nncl-Figure-remark {
  color: var(--jp-ui-font-color2);
}

.nncl-Figure-value {
  font-size: var(--jp-ui-font-size3);
  font-weight: 600;
  line-height: 1.5;
  font-variant-numeric: tabular-nums;
  white-space: nowrap;
}

.nncl-Figure-remark {
  font-size: var(--jp-ui-font-size0);
}

/* Where the bytes are */

.nncl-Bytes {
  margin-bottom: 16px;
}

.nncl-Bar {
  display: flex;
  gap: 2px;
  height: 14px;
  overflow: hidden;
  border-radius: 4px;
}

.nncl-Part {
  flex-basis: 0;
  min-width: 2px;
}

.nncl-mod-weights.nncl-Part,
.nncl-mod-weights.nncl-Swatch {
  background: var(--nncl-weights);
}

.nncl-mod-optimizer {
  background: var(--nncl-optimizer);
}

.nncl-mod-config {
  background: var(--nncl-config);
}

.nncl-mod-other {
  background: var(--nncl-other);
}

.nncl-Viewer .nncl-Legend {
  display: flex;
  flex-wrap: wrap;
  gap: 4px 24px;
  margin-top: 8px;
  list-style: none;
}

.nncl-Legend li {
  display: flex;
  align-items: center;
  gap: 6px;
}

.nncl-Swatch {
  width: 10px;
  height: 10px;
  border-radius: 2px;
}

.nncl-Legend-value {
  color: var(--jp-ui-font-color2);
  font-variant-numeric: tabular-nums;
}

/* Remarks */

.nncl-Viewer .nncl-Note {
  margin-top: 8px;
  padding: 6px 12px;
  border-left: 3px solid var(--jp-brand-color1);
}

.nncl-Viewer .nncl-Note.nncl-mod-warning {
  border-left-color: var(--jp-error-color1);
}

/* Layers */

.nncl-TableFrame {
  margin-top: 20px;
}

.nncl-Table {
  width: 100%;
  border-collapse: separate;
  border-spacing: 0;
  font-variant-numeric: tabular-nums;
}

.nncl-Table caption {
  padding-bottom: 8px;
  font-weight: 600;
  text-align: left;
}

.nncl-Table th,
.nncl-Table td {
  padding: 6px 10px;
  border-bottom: 1px solid var(--jp-border-color2);
  text-align: left;
  vertical-align: middle;
  font-weight: normal;
}

.nncl-Table tr > :first-child {
  padding-left: 0;
}

.nncl-Table tr > :last-child {
  padding-right: 0;
}

.nncl-Table thead th {
  position: sticky;
  top: -20px; /* the padding of the tab */
  z-index: 1;
  border-bottom: 2px solid var(--jp-border-color1);
  background: var(--jp-layout-color1);
  font-weight: 600;
  white-space: nowrap;
}

.nncl-Table tbody tr:hover > * {
  background: var(--jp-layout-color2);
}

.nncl-Table tbody tr:hover .nncl-Muted {
  color: var(--jp-ui-font-color1);
}

.nncl-Table .nncl-mod-number {
  text-align: right;
  white-space: nowrap;
}

.nncl-Table .nncl-mod-name {
  overflow-wrap: anywhere;
}

.nncl-Table .nncl-mod-name {
  min-width: 165px;
}

.nncl-Table .nncl-mod-weights {
  width: 100%; /* of what the others leave */
}

.nncl-Weights {
  display: flex;
  flex-wrap: wrap;
  column-gap: 12px;
}

.nncl-Name {
  font-weight: 600;
}

.nncl-Name,
.nncl-Muted {
  display: block;
}

.nncl-Muted {
  font-size: var(--jp-ui-font-size0);
}

.nncl-Sort {
  position: relative;
  padding: 0;
  border: none;
  background: none;
  color: inherit;
  font: inherit;
  cursor: pointer;
}

.nncl-Sort:hover {
  text-decoration: underline;
}

.nncl-Sort:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 3px;
}

/* In the padding of the cell, so that labels and figures align. */
.nncl-Sort::after {
  position: absolute;
  left: 100%;
  width: 10px;
  color: var(--jp-ui-font-color2);
  content: '↕';
  font-weight: normal;
  text-align: center;
}

[aria-sort='ascending'] > .nncl-Sort::after {
  color: var(--jp-brand-color1);
  content: '↑';
}

[aria-sort='descending'] > .nncl-Sort::after {
  color: var(--jp-brand-color1);
  content: '↓';
}

.nncl-Meter {
  display: block;
  height: 3px;
  margin-top: 2px;
  overflow: hidden;
  border-radius: 2px;
  background: var(--jp-layout-color3);
}

.nncl-Meter-filled {
  display: block;
  height: 100%;
  background: var(--jp-brand-color1);
}

.nncl-Histogram {
  display: block;
  overflow: visible;
}

.nncl-Histogram-bars {
  fill: var(--jp-brand-color1);
}

.nncl-Histogram-zero {
  stroke: var(--jp-ui-font-color2);
  stroke-width: 1;
  stroke-dasharray: 2 2;
}

/* No model */

.nncl-Failure {
  max-width: 560px;
  margin: 32px auto;
  padding: 20px 24px 24px;
  border: 1px solid var(--jp-border-color2);
  border-left: 4px solid var(--jp-error-color1);
  border-radius: 6px;
}

.nncl-Viewer .nncl-Failure h2 {
  margin-bottom: 2px;
  font-size: var(--jp-ui-font-size2);
}

.nncl-Viewer .nncl-Failure p {
  margin-bottom: 16px;
  overflow-wrap: anywhere;
}

.nncl-Viewer .nncl-Failure .nncl-Failure-file {
  margin-bottom: 12px;
  color: var(--jp-ui-font-color2);
}
`,""]),r.d(e,{},{A:a})},314(n){n.exports=function(n){var e=[];return e.toString=function(){return this.map(function(e){var r="",o=void 0!==e[5];return e[4]&&(r+="@supports (".concat(e[4],") {")),e[2]&&(r+="@media ".concat(e[2]," {")),o&&(r+="@layer".concat(e[5].length>0?" ".concat(e[5]):""," {")),r+=n(e),o&&(r+="}"),e[2]&&(r+="}"),e[4]&&(r+="}"),r}).join("")},e.i=function(n,r,o,t,l){"string"==typeof n&&(n=[[null,n,void 0]]);var a={};if(o)for(var i=0;i<this.length;i++){var c=this[i][0];null!=c&&(a[c]=!0)}for(var p=0;p<n.length;p++){var s=[].concat(n[p]);o&&a[s[0]]||(void 0!==l&&(void 0===s[5]||(s[1]="@layer".concat(s[5].length>0?" ".concat(s[5]):""," {").concat(s[1],"}")),s[5]=l),r&&(s[2]&&(s[1]="@media ".concat(s[2]," {").concat(s[1],"}")),s[2]=r),t&&(s[4]?(s[1]="@supports (".concat(s[4],") {").concat(s[1],"}"),s[4]=t):s[4]="".concat(t)),e.push(s))}},e}},601(n){n.exports=function(n){return n[1]}},72(n){var e=[];function r(n){for(var r=-1,o=0;o<e.length;o++)if(e[o].identifier===n){r=o;break}return r}function o(n,o){for(var t={},l=[],a=0;a<n.length;a++){var i=n[a],c=o.base?i[0]+o.base:i[0],p=t[c]||0,s="".concat(c," ").concat(p);t[c]=p+1;var d=r(s),u={css:i[1],media:i[2],sourceMap:i[3],supports:i[4],layer:i[5]};if(-1!==d)e[d].references++,e[d].updater(u);else{var f=function(n,e){var r=e.domAPI(e);return r.update(n),function(e){e?(e.css!==n.css||e.media!==n.media||e.sourceMap!==n.sourceMap||e.supports!==n.supports||e.layer!==n.layer)&&r.update(n=e):r.remove()}}(u,o);o.byIndex=a,e.splice(a,0,{identifier:s,updater:f,references:1})}l.push(s)}return l}n.exports=function(n,t){var l=o(n=n||[],t=t||{});return function(n){n=n||[];for(var a=0;a<l.length;a++){var i=r(l[a]);e[i].references--}for(var c=o(n,t),p=0;p<l.length;p++){var s=r(l[p]);0===e[s].references&&(e[s].updater(),e.splice(s,1))}l=c}}},659(n){var e={};n.exports=function(n,r){var o=function(n){if(void 0===e[n]){var r=document.querySelector(n);if(window.HTMLIFrameElement&&r instanceof window.HTMLIFrameElement)try{r=r.contentDocument.head}catch(n){r=null}e[n]=r}return e[n]}(n);if(!o)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");o.appendChild(r)}},540(n){n.exports=function(n){var e=document.createElement("style");return n.setAttributes(e,n.attributes),n.insert(e,n.options),e}},56(n,e,r){n.exports=function(n){var e=r.nc;e&&n.setAttribute("nonce",e)}},825(n){n.exports=function(n){if("u"<typeof document)return{update:function(){},remove:function(){}};var e=n.insertStyleElement(n);return{update:function(r){var o,t,l;o="",r.supports&&(o+="@supports (".concat(r.supports,") {")),r.media&&(o+="@media ".concat(r.media," {")),(t=void 0!==r.layer)&&(o+="@layer".concat(r.layer.length>0?" ".concat(r.layer):""," {")),o+=r.css,t&&(o+="}"),r.media&&(o+="}"),r.supports&&(o+="}"),(l=r.sourceMap)&&"u">typeof btoa&&(o+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(l))))," */")),n.styleTagTransform(o,e,n.options)},remove:function(){var n;null===(n=e).parentNode||n.parentNode.removeChild(n)}}}},113(n){n.exports=function(n,e){if(e.styleSheet)e.styleSheet.cssText=n;else{for(;e.firstChild;)e.removeChild(e.firstChild);e.appendChild(document.createTextNode(n))}}},959(n,e,r){var o=r(72),t=r.n(o),l=r(825),a=r.n(l),i=r(659),c=r.n(i),p=r(56),s=r.n(p),d=r(540),u=r.n(d),f=r(113),g=r.n(f),h=r(646),x={};x.styleTagTransform=g(),x.setAttributes=s(),x.insert=c().bind(null,"head"),x.domAPI=a(),x.insertStyleElement=u(),t()(h.A,x),h.A&&h.A.locals&&h.A.locals}}]);