import type { VElement } from "../view/element.ts";

/** The element of the document with this id, of this kind. */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
}

/** Makes nodes of an element that is data. */
export function toDom(element: VElement): HTMLElement {
  const made = document.createElement(element.tag);
  for (const [name, value] of Object.entries(element.attributes)) made.setAttribute(name, value);
  for (const child of element.children) {
    made.append(typeof child === "string" ? child : toDom(child));
  }
  return made;
}

/**
 * Makes an element what it is to be, with as few changes as can be: what stays keeps its focus, its
 * selection, and whether it is unfolded. Children are told apart by `id` or `data-key`, else by order.
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

/** Has the text stand before what comes next; returns what comes after it. */
function placeText(parent: Element, next: ChildNode | null, text: string): ChildNode | null {
  if (next instanceof Text) {
    if (next.data !== text) next.data = text;
    return next.nextSibling;
  }
  parent.insertBefore(document.createTextNode(text), next);
  return next;
}

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
    parent.insertBefore(toDom(child), next);
    return next;
  }
  patch(found, child);
  if (found === next) return next.nextSibling;
  parent.insertBefore(found, next);
  return next;
}
