// An entry beside the list, on wide screens. It has the URL of the entry's own page.
// Loaded when the first entry is opened.
const $ = (q, from = document) => from.querySelector(q)
let box, opener, title, loading

// open shows the entry that a link leads to. The first step is a place in the history,
// so that going back closes the drawer; further entries take that place.
export async function open(link, html) {
  const url = link.href, first = !box?.open
  loading?.abort()
  loading = new AbortController()
  try {
    const answer = await fetch(url, { signal: loading.signal, headers: { Accept: 'text/html' } })
    const page = new DOMParser().parseFromString(html.createHTML(await answer.text()), 'text/html')
    const main = $('main', page)
    if (!answer.ok || !$('.entry-title', main)) return location.assign(url)
    if (first) { opener = link; title = document.title }
    history[first ? 'pushState' : 'replaceState']({ drawer: true }, '', url)
    show(main, $('nav.steps', page), page.title)
  } catch (e) { if (e.name !== 'AbortError') location.assign(url) }
}

function show(main, steps, name) {
  if (!box?.isConnected) make()
  const bar = $('.bar', box), body = $('.body', box)
  $('.steps', bar)?.remove()
  if (steps) bar.prepend(document.adoptNode(steps))
  $('.whole', bar).href = location.href
  body.replaceChildren(...document.adoptNode(main).childNodes)
  const heading = $('h1', body)
  heading.id = 'h-drawer'
  heading.tabIndex = -1
  document.title = name
  if (!box.open) box.showModal()
  body.scrollTop = 0
  heading.focus({ preventScroll: true })
  document.dispatchEvent(new Event('av:shown'))
}

function make() {
  box = document.importNode($('#drawer').content, true).firstElementChild
  document.body.append(box)
  box.addEventListener('cancel', e => { e.preventDefault(); history.back() })
  box.addEventListener('click', e => { if (e.target === box || e.target.closest('.shut')) history.back() })
}

function close() {
  if (!box?.open) return
  loading?.abort()
  document.title = title
  box.close()
  if (opener.isConnected) opener.focus({ preventScroll: true })
}

addEventListener('popstate', e => {
  if (!e.state?.drawer) close()
  else if (!box?.open) location.reload()
})
document.addEventListener('av:swapped', () => { title = document.title; close() })
