import type { VElement } from "../view/element.ts";

/** Returns the element of the document with this id and class; throws if there is none. */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
}

const HTML = "http://www.w3.org/1999/xhtml";
const SVG = "http://www.w3.org/2000/svg";

/** Creates the DOM nodes of an element of HTML. */
export function toDom(element: VElement): HTMLElement {
  const made = create(element, HTML);
  if (!(made instanceof HTMLElement)) throw new Error(`${element.tag} isn't of HTML`);
  return made;
}

/** Creates the DOM nodes of an element; what is in a drawing is of its namespace. */
function create(element: VElement, parentNamespace: string | null): Element {
  const namespace = element.tag === "svg" ? SVG : parentNamespace;
  const made = document.createElementNS(namespace, element.tag);
  for (const [name, value] of Object.entries(element.attributes)) made.setAttribute(name, value);
  for (const child of element.children) {
    made.append(typeof child === "string" ? child : create(child, namespace));
  }
  return made;
}

/**
 * Changes an element to the wanted one with few changes: kept nodes keep focus, selection and fold.
 * Matches children by `id` or `data-key`, else by order.
 */
export function patch(present: Element, wanted: VElement): void {
  for (const name of present.getAttributeNames()) {
    if (name !== "open" && wanted.attributes[name] === undefined) present.removeAttribute(name);
  }
  for (const [name, value] of Object.entries(wanted.attributes)) {
    if (present.getAttribute(name) !== value) present.setAttribute(name, value);
  }
  const keyed = new Map<string, Element>();
  for (const child of present.children) {
    const key = child.id || child.getAttribute("data-key");
    if (key !== null && key !== "") keyed.set(key, child);
  }
  let next = present.firstChild;
  for (const child of wanted.children) {
    next =
      typeof child === "string"
        ? placeText(present, next, child)
        : placeElement(present, next, { child, keyed });
  }
  while (next !== null) {
    const after: ChildNode | null = next.nextSibling;
    next.remove();
    next = after;
  }
}

/** Puts a text before `next`, or into it. Returns the node that follows the text. */
function placeText(parent: Element, next: ChildNode | null, text: string): ChildNode | null {
  if (next instanceof Text) {
    if (next.data !== text) next.data = text;
    return next.nextSibling;
  }
  parent.insertBefore(document.createTextNode(text), next);
  return next;
}

/** Puts an element before `next`. Returns the node that follows it. */
function placeElement(
  parent: Element,
  next: ChildNode | null,
  wanted: { readonly child: VElement; readonly keyed: ReadonlyMap<string, Element> },
): ChildNode | null {
  const { child, keyed } = wanted;
  const key = child.attributes["id"] ?? child.attributes["data-key"];
  const found = key === undefined ? next : (keyed.get(key) ?? null);
  const isSame =
    found instanceof Element &&
    found.localName === child.tag &&
    (key !== undefined || (found.id === "" && !found.hasAttribute("data-key")));
  if (!isSame) {
    parent.insertBefore(create(child, parent.namespaceURI), next);
    return next;
  }
  patch(found, child);
  if (found === next) return next.nextSibling;
  parent.insertBefore(found, next);
  return next;
}
