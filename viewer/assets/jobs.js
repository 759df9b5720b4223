// Follows the files in preparation. Without this, the page reloads itself.
const $ = (q, from = document) => from.querySelector(q)

export function start(html) {
  setTimeout(() => follow(html), 1500)
}

async function follow(html) {
  let on = true
  try {
    if (!document.hidden) on = show(await (await fetch(location.href, { headers: { Accept: 'text/html' } })).text(), html)
  } catch { /* the next look may find the server again */ }
  if (on) start(html)
}

// show swaps the list, and reports whether a file is still in preparation.
function show(text, html) {
  const next = new DOMParser().parseFromString(html.createHTML(text), 'text/html')
  const list = $('.jobs', next), now = $('.jobs')
  if (!list || !now) { location.reload(); return false }
  const focus = now.contains(document.activeElement) && document.activeElement.id
  now.replaceWith(document.adoptNode(list))
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true })
  const said = $('#jobs-open b', next).textContent
  if ($('#jobs-open b').textContent !== said) $('#jobs-open b').textContent = said
  return $('#jobs', next).dataset.module !== undefined
}
