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

const MARKS = /`([^`]+)`|\*\*(\S[^*]*)\*\*|(?<![\w*])\*(\S(?:[^*]*\S)?)\*(?![\w*])/g;

/** Words with marks: code between backticks, strong and emphasized between asterisks. */
export function marked(text: string): Node[] {
  const nodes: Node[] = [];
  let end = 0;
  for (const found of text.matchAll(MARKS)) {
    const [whole, code, strong, emphasized] = found;
    nodes.push(document.createTextNode(text.slice(end, found.index)));
    const tag = code ? 'code' : strong ? 'strong' : 'em';
    nodes.push(element(tag, '', [code ?? strong ?? emphasized]));
    end = found.index + whole.length;
  }
  return [...nodes, document.createTextNode(text.slice(end))];
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
