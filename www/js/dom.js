/** Building and finding elements. Text only ever becomes a text node, never markup. */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [properties] `class`, `data-*`, `aria-*` and other attributes;
 *   custom properties (`--name`) become style.
 * @param {(Node | string | null | undefined)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("--")) element.style.setProperty(name, String(value));
    else if (typeof value === "function")
      element.addEventListener(name, /** @type {EventListener} */ (value));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * The element of that id, which the page is known to have.
 * @template {Element} [E=HTMLElement]
 * @param {string} id
 * @param {new () => E} [type]
 * @returns {E}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  const expected = /** @type {new () => Element} */ (type ?? HTMLElement);
  if (!(element instanceof expected)) throw new Error(`the page has no ${expected.name} #${id}`);
  return /** @type {E} */ (/** @type {unknown} */ (element));
}

/** @param {string} text For screen readers only. */
export const spoken = (text) => h("span", { class: "visually-hidden" }, text);
