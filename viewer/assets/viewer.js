// The page works without this. It saves reloads, and adds what a form can't do.
const html = window.trustedTypes
  ? trustedTypes.createPolicy('audit-viewer', { createHTML: s => s })
  : { createHTML: s => s }
const $ = (q, from = document) => from.querySelector(q)
const $$ = (q, from = document) => [...from.querySelectorAll(q)]
let loading
let refused // the list that was asked for while somebody typed, and can't be had
let shown = location.search // what the page shows; a jump to #main changes nothing

// The list is read anew by fetching the page that a link or form leads to, and
// swapping what is inside of <main>. Listeners sit on the document, so that a
// swap loses none.
async function visit(url, { push = true, focus, typing, stay } = {}) {
  loading?.abort()
  const own = loading = new AbortController()
  document.documentElement.toggleAttribute('data-busy', true)
  try {
    const answer = await fetch(url, { signal: own.signal, headers: { Accept: 'text/html' } })
    const next = new DOMParser().parseFromString(html.createHTML(await answer.text()), 'text/html')
    const main = $('main', next)
    if (typing && answer.status === 400) return void (refused = url) // half a word is no mistake
    if (!main || !$('#results', main) || !$('#results')) return location.assign(url)
    if (push) history.pushState(null, '', url)
    shown = new URL(url, location.href).search
    swap(main, next.title, stay ? focusOf(document.activeElement) : focus)
  } catch (e) {
    if (e.name !== 'AbortError') location.assign(url)
  } finally {
    if (loading === own) document.documentElement.toggleAttribute('data-busy', false)
  }
}

function swap(main, title, focus) {
  const old = $('main'), caret = document.activeElement?.selectionStart, open = $('details.menu[open]')?.dataset.facet
  const top = open && $(`[data-facet="${open}"] .opts`)?.scrollTop
  const needle = open && $(`[data-facet="${open}"] .narrow`)?.value
  const live = $('.live', old)
  if (live && $('.live', main)) $('.live', main).replaceWith(live)
  const said = $('#count', main)?.textContent
  const sheet = $('.extra:popover-open', old)
  const drawn = $('figure.chart', old), chart = $('a.chart', main)
  if (drawn && chart) chart.getAttribute('href') === drawn.dataset.href ? chart.replaceWith(drawn) : chart.replaceChildren(...drawn.childNodes)
  old.replaceWith(document.adoptNode(main))
  document.title = title
  if (sheet) $('.extra')?.showPopover()
  if (open) {
    const menu = $(`[data-facet="${open}"]`)
    if (menu) {
      menu.open = true
      prepare()
      if (needle) { $('.narrow', menu).value = needle; narrow($('.narrow', menu)) }
      if ($('.opts', menu)) $('.opts', menu).scrollTop = top
    }
  }
  prepare()
  const to = focus && $(focus)
  to?.focus({ preventScroll: true })
  if (caret != null) to?.setSelectionRange?.(caret, caret)
  // A status region must be there before its text changes, or nobody is told.
  const count = $('#count')
  if (count && said && !document.documentElement.dataset.quiet) { count.textContent = ''; requestAnimationFrame(() => { const b = document.createElement('b'); b.textContent = said; count.replaceChildren(b) }) }
  document.dispatchEvent(new Event('av:swapped'))
}

// focusOf names an element so that it is found again in the next page.
function focusOf(e) {
  if (!e || e === document.body) return
  if (e.id) return '#' + CSS.escape(e.id)
  const menu = e.closest('details.menu')?.dataset.facet
  if (e.name && e.type === 'checkbox') return `input[name="${e.name}"][value="${CSS.escape(e.value)}"]`
  if (menu) return `[data-facet="${menu}"] ${e.localName === 'summary' ? 'summary' : '.narrow'}`
  if (e.name) return `[name="${e.name}"]:not([type=hidden])`
  const th = e.closest('thead th')
  if (th) return `thead .${th.className} a`
  if (e.rel) return `a[rel="${e.rel}"]`
  return '#main'
}

function formURL(form, button) {
  const data = new URLSearchParams()
  for (const [name, value] of new FormData(form, button)) {
    if (name === 'columns' && data.has(name)) data.set(name, data.get(name) + ',' + value)
    else if (value !== '' && !(name === 'range' && value === 'all')) data.append(name, value)
  }
  if (data.get('range') !== 'custom') for (const name of ['from', 'to', 'from_time', 'to_time']) data.delete(name)
  return '?' + data
}

function submit(form, button) {
  if (form.matches('.display')) remember(formURL(form))
  return visit(formURL(form, button), { focus: focusOf(document.activeElement) })
}

// remember keeps how the list looks, for the next time this browser comes.
function remember(url) {
  const all = new URLSearchParams(url), kept = new URLSearchParams()
  for (const name of ['columns', 'density']) if (all.has(name)) kept.set(name, all.get(name))
  document.cookie = `av-list=${encodeURIComponent(kept)}; path=${location.pathname}; max-age=${String(kept) ? 31536000 : 0}; samesite=lax`
}

document.addEventListener('submit', e => {
  if (!$('#results') || e.target.method === 'post' || e.target.closest('#results') && !e.target.matches('.per, .display')) return
  e.preventDefault()
  submit(e.target, e.submitter)
})

let typing
document.addEventListener('input', e => {
  const t = e.target
  if (t.matches('.narrow[data-find], .narrow:not([name])')) return narrow(t)
  if ($('#results') && t.matches('.filters input[type=search][name], .rec input, .ip input')) {
    clearTimeout(typing)
    const typed = t.value
    typing = setTimeout(() => { if (t.isConnected && t.value === typed) keepTyping(t) }, 350)
  }
})

// keepTyping submits without taking the caret away.
async function keepTyping(t) {
  const at = t.selectionStart
  await visit(formURL(t.form), { focus: focusOf(t), typing: document.activeElement === t })
  const next = document.activeElement
  if (next?.name === t.name && next !== t) {
    if (next.value !== t.value) next.value = t.value
    next.setSelectionRange(at, at)
  }
}

document.addEventListener('change', e => {
  const t = e.target
  if (t.matches('.filters input[type=checkbox], .display input, .per select') || t.matches('[name=range]') && t.value !== 'custom') submit(t.form)
  else if (t.matches('.field input') && formURL(t.form) === refused) visit(refused, { stay: true })
  else if (t.matches('[name=tz]')) { if (t.value) keepZone(t.value); submit(t.form) }
  else if (t.matches('[name=range]')) $('[name=from]', t.form)?.focus()
  else if (t.matches('.dates input') && t.value) { clearTimeout(typing); typing = setTimeout(() => submit(t.form), 600) }
})

// pass says that a request is part of a view that is recorded already.
const pass = e => ({ 'Av-Pass': e.dataset.pass ?? '' })

// narrow shows the choices that contain what is typed; where not all are on the
// page, it asks for them.
let asking
async function narrow(input) {
  const needle = input.value.trim().toLowerCase(), menu = input.closest('.menu')
  for (const g of $$('.group', menu)) g.hidden = needle !== ''
  for (const o of $$('.opt', menu)) o.hidden = !`${$('.ol', o).textContent} ${o.title}`.toLowerCase().includes(needle)
  if (!input.dataset.find || !needle) return
  asking?.abort()
  asking = new AbortController()
  try {
    const url = `${input.dataset.find}&find=${encodeURIComponent(input.value.trim())}&format=json`
    const { values, labels } = await (await fetch(url, { signal: asking.signal, headers: pass($('main')) })).json()
    const name = menu.dataset.facet, text = new Map(Object.entries(labels ?? {})), have = new Set($$('.opt input', menu).map(i => i.value))
    for (const v of values.slice(0, 50)) {
      if (have.has(v)) continue
      const [opt, label, box, ol, bdi, small] = ['div', 'label', 'input', 'span', 'bdi', 'small'].map(n => document.createElement(n))
      opt.className = 'opt'; ol.className = 'ol'
      box.type = 'checkbox'; box.name = name; box.value = v === '' || v[0] === '"' ? JSON.stringify(v) : v
      bdi.textContent = text.get(v) ?? v; ol.append(bdi); label.append(box, ol); opt.append(label)
      if (name !== 'user') opt.title = v
      else if (text.has(v)) { small.append(document.createElement('bdi')); small.firstChild.textContent = v; ol.append(' ', small) }
      $('.opts', menu).append(opt)
    }
  } catch (e) { if (e.name !== 'AbortError') console.warn('audit viewer: the choices could not be read') }
}

document.addEventListener('click', e => {
  if (e.defaultPrevented || e.button || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return
  const t = e.target
  for (const d of $$('details.menu[open]')) if (!d.contains(t)) d.open = false
  const help = t.closest('.help-of, .help-link')
  if (help) { e.preventDefault(); return void helper().then(m => m.help(help, html)) }
  const live = t.closest('.live')
  if (live) return void follow(live)
  if (t.closest('.btn.keys')) return void press('?')
  if (t.matches('.only')) {
    const own = $('input', t.closest('.opt'))
    for (const i of $$('.opt input', t.closest('.menu'))) i.checked = i === own
    return void submit(own.form)
  }
  const copy = t.closest('.copy')
  if (copy) return void copyRaw(copy)
  const a = t.closest('a[href]')
  if (a) {
    if (a.download || a.target || a.classList.contains('host') || !a.getAttribute('href').startsWith('?')) return
    const to = new URL(a.href), place = $('#drawer')
    if (place && innerWidth >= 1100 && to.searchParams.has('entry') && !to.searchParams.has('format')) {
      e.preventDefault()
      return void import(new URL(place.dataset.module, location.href)).then(m => m.open(a, html))
    }
    if (a.closest('.tz')) { keepZone(to.searchParams.get('tz')); a.closest('.tz').open = false }
    if (!$('#results') || to.searchParams.has('entry') || to.searchParams.has('facet') || to.searchParams.has('jobs') || to.searchParams.has('format')) return
    e.preventDefault()
    if (a.matches('.reset')) remember('?')
    return void visit(a.getAttribute('href'), { focus: focusOf(a) }).then(() => a.closest('.pager') && $('#results').scrollIntoView({ block: 'start' }))
  }
  const row = t.closest('#results tbody tr')
  if (row && !t.closest('.rest, .day') && String(getSelection()) === '') $('.c-time a', row)?.click()
})

// keepZone remembers the zone for the next page that is opened without one.
const keepZone = zone => { document.cookie = `av-tz=${encodeURIComponent(zone)};path=${location.pathname};max-age=31536000;samesite=lax` }

async function copyRaw(button) {
  await navigator.clipboard.writeText(button.dataset.copy || ($('pre', button.parentNode)?.textContent ?? location.href))
  const label = $('span', button), was = label.textContent
  label.textContent = button.dataset.done
  setTimeout(() => { label.textContent = was }, 2000)
}

// The module of the keys is loaded by whoever presses one.
const press = key => import(new URL($('main').dataset.keys, location.href)).then(m => m.press(key))

// So is that of completion and help, when the search box is first used.
const helper = () => import(new URL($('.help-of').dataset.module, location.href))

document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey) return
  if (e.key === 'Escape') {
    const open = $('details.menu[open]')
    if (open) { open.open = false; $('summary', open).focus() }
  } else if (e.target.closest('input, textarea, select, [contenteditable]')) {
    // whoever types means a letter
  } else if (['j', 'k', '?'].includes(e.key) && $('main').dataset.keys) {
    e.preventDefault()
    press(e.key)
  } else if (e.key === 'h') $('.help-of')?.click()
  else if (e.key === '/') {
    const find = $('.find input')
    if (find) { e.preventDefault(); find.focus(); find.select() }
  }
})

document.addEventListener('toggle', e => {
  const menu = e.target
  if (menu.open && menu.matches('.views')) import(new URL(menu.dataset.module, location.href)).then(m => m.show(menu))
}, true)

addEventListener('popstate', e => { if (location.search !== shown && !e.state?.drawer) visit(location.href, { push: false }) })

// On hover, times say what they are here and in UTC.
const lang = document.documentElement.lang
const local = new Intl.DateTimeFormat(navigator.languages.find(l => l.startsWith(lang)) ?? lang, { dateStyle: 'full', timeStyle: 'long' })
document.addEventListener('pointerover', e => {
  const time = e.target.closest?.('time')
  if (time && !time.title) time.title = local.format(new Date(time.dateTime)) + '\n' + time.dateTime
})
document.addEventListener('focusin', e => {
  if (e.target.name === 'q' && $('.help-of')) helper()
  const time = $('time', e.target)
  if (time && e.target.localName === 'a' && !time.title) time.title = local.format(new Date(time.dateTime)) + '\n' + time.dateTime
})

// The chart comes after the list, by a request of its own.
async function draw(link) {
  link.dataset.asked = ''
  try {
    const answer = await fetch(link.href, { headers: { Accept: 'text/html', ...pass(link) } })
    const figure = $('figure.chart', new DOMParser().parseFromString(html.createHTML(await answer.text()), 'text/html'))
    if (!link.isConnected) return
    if (!figure) return void link.remove()
    figure.dataset.module = link.dataset.module
    link.replaceWith(document.adoptNode(figure))
  } catch { link.remove() }
}

let dragging
const drag = e => {
  const chart = e.target.closest?.('figure.chart')
  if (chart) dragging ??= import(new URL(chart.dataset.module, location.href)).then(m => m.start(visit))
}
document.addEventListener('pointerover', drag)
document.addEventListener('focusin', drag)

// Relative times stay true while the page stands open.
const units = [['year', 31536e6], ['month', 2592e6], ['day', 864e5], ['hour', 36e5], ['minute', 6e4]]
const relative = new Intl.RelativeTimeFormat(lang)
setInterval(() => {
  for (const ago of $$('.ago')) {
    const passed = Date.now() - new Date($('time', ago.parentNode).dateTime)
    const [unit, is] = units.find(([, is]) => passed >= is) ?? []
    if (unit) ago.textContent = relative.format(-Math.floor(passed / is), unit)
  }
}, 2e4)

function prepare() {
  const chart = $('a.chart:not([data-asked])')
  if (chart?.checkVisibility()) draw(chart)
  for (const n of $$('.narrow[hidden], .copy[hidden]')) n.hidden = n.matches('.copy') && !navigator.clipboard
  const link = $('a.local'), zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  if (link?.parentNode.hidden && zone && zone !== 'UTC') {
    const to = new URLSearchParams(link.getAttribute('href'))
    to.set('tz', zone)
    link.href = '?' + to
    link.textContent = link.dataset.text.replace('#', zone)
    link.parentNode.hidden = false
  }
  const live = $('.live:not([data-ready])')
  if (live && sessionStorage.getItem('av-live')) follow(live)
}

// The live module is loaded by who switches it on.
async function follow(live) {
  if (live.dataset.ready !== undefined) return
  live.dataset.ready = ''
  const module = await import(new URL(live.dataset.module, location.href))
  module.start(live, html, visit)
}
document.addEventListener('av:shown', prepare)
const jobs = $('#jobs[data-module]')
if (jobs) import(new URL(jobs.dataset.module, location.href)).then(m => m.start(html))
prepare()
