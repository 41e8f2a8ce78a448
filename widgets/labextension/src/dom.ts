/** Building DOM nodes. Text from files goes in as text, never as markup. */

const SVG = 'http://www.w3.org/2000/svg';

type Child = Node | string | null;
type Attributes = Record<string, string>;

/** An element with a class, attributes and children. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  children: Child[] = [],
  attributes: Attributes = {}
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (className) {
    node.className = className;
  }
  return filled(node, children, attributes);
}

/** A drawing element with attributes and children. */
export function drawing<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes,
  children: Child[] = []
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, tag), children, attributes);
}

function filled<T extends Element>(
  node: T,
  children: Child[],
  attributes: Attributes
): T {
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, value);
  }
  node.append(...children.filter((child): child is Node | string => child !== null));
  return node;
}
