// Makes one element look like another while leaving alone what the person is in the middle of: focus, typed text,
// chosen options, open <details>, scroll positions, and any element marked data-keep.

export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.hasAttribute("data-keep") || old.isEqualNode(fresh)) return;
  const touched = isTouched(old);
  attributes(old, fresh);
  if (old.nodeName === "TEXTAREA") {
    if (!touched) old.value = fresh.value;
    old.defaultValue = fresh.defaultValue;
    return;
  }
  if (old.nodeName === "INPUT") {
    if (!touched && old.type !== "file") old.value = fresh.defaultValue;
    return;
  }
  if (old.nodeName === "IFRAME") return;
  children(old, fresh);
  if (old.nodeName === "SELECT" && !touched) {
    for (const option of old.options) option.selected = option.defaultSelected;
  }
}

function isTouched(field) {
  if (field === document.activeElement && /^(INPUT|TEXTAREA|SELECT)$/.test(field.nodeName)) return true;
  if (field.nodeName === "TEXTAREA") return field.value !== field.defaultValue;
  if (field.nodeName === "SELECT") return [...field.options].some((option) => option.selected !== option.defaultSelected);
  if (field.nodeName !== "INPUT") return false;
  if (field.type === "radio" || field.type === "checkbox") return field.checked !== field.defaultChecked;
  return field.value !== field.defaultValue;
}

function attributes(old, fresh) {
  const kept = old.nodeName === "DETAILS" || old.nodeName === "DIALOG" ? ["open"] : [];
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !kept.includes(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !kept.includes(name)) old.setAttribute(name, value);
  }
}

// Children with an id are found by it wherever they stand; the others meet in order. Nothing that stays is moved unless
// it must be; moving an element takes its focus away, so it is given back.
function children(old, fresh) {
  const byId = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  const wanted = new Set([...fresh.children].map((child) => child.id).filter(Boolean));
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    while (at?.id && at.id !== child.id && !wanted.has(at.id)) at = removed(at);
    const same = child.id ? byId.get(child.id) : at && !at.id && at.nodeName === child.nodeName ? at : null;
    if (!same) {
      old.insertBefore(child, at);
    } else {
      if (same === at) at = at.nextSibling;
      else move(same, old, at);
      morph(same, child);
    }
  }
  while (at) at = removed(at);
}

function move(node, into, before) {
  const focused = node.contains(document.activeElement) ? document.activeElement : null;
  into.insertBefore(node, before);
  focused?.focus({ preventScroll: true });
}

function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}
