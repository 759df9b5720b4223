// Completion and help of the search box. Loaded when the box is first used.
const $ = (q, from = document) => from.querySelector(q)
const box = () => $('.find input[name=q]')
const list = document.createElement('ul')
list.id = 'av-complete'
list.className = 'complete'
list.setAttribute('role', 'listbox')
list.hidden = true

let options = [], active = -1, asking
const data = async (href, signal) => {
  const answer = await fetch(href + '&format=json', { signal, headers: { 'Av-Pass': $('main').dataset.pass ?? '' } })
  if (!answer.ok) throw new Error(answer.status)
  return answer.json()
}
const helpLink = () => $('.help-of').getAttribute('href')
let known
const qualifiers = () => known ??= data(helpLink()).then(d => d.qualifiers, e => { known = undefined; throw e })

// The word that the caret stands at the end of. Quotes hold blanks.
function wordAt(input) {
  const text = input.value.slice(0, input.selectionStart)
  let start = 0, quoted = false
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"' && text[i - 1] !== '\\') quoted = !quoted
    else if (!quoted && /\s/.test(text[i])) start = i + 1
  }
  const [, dash, name, rest] = text.slice(start).match(/^(-?)(?:([a-z_]+):)?([^]*)$/i)
  let from = 0
  quoted = false
  for (let i = 0; i < rest.length; i++) {
    if (rest[i] === '"' && rest[i - 1] !== '\\') quoted = !quoted
    else if (!quoted && rest[i] === ',' && name) from = i + 1
  }
  return { name: name?.toLowerCase(), part: rest.slice(from), at: name ? text.length - rest.length + from : start + dash.length, end: text.length }
}

const plain = part => part.replace(/^"/, '').replace(/"$/, '').replace(/\\(["\\])/g, '$1')
const quoted = v => v === '' || /[\s,"]/.test(v) ? '"' + v.replace(/["\\]/g, '\\$&') + '"' : v

// Values come from the page's menu if it holds all, and else from the server.
const asked = new Map()
async function valuesOf(q, part) {
  if (q.values) return q.values.map(value => ({ value }))
  if (!q.facet) return []
  const menu = $(`.menu[data-facet="${q.facet}"]`)
  const here = menu ? [...menu.querySelectorAll('.opt input[type=checkbox]')].map(i => ({ value: i.value[0] === '"' ? JSON.parse(i.value) : i.value, label: $('bdi', i.parentNode)?.textContent })) : []
  if (here.length && !$('[data-find]', menu)) return here
  const to = new URLSearchParams({ facet: q.facet, find: part })
  if (!asked.has(String(to))) {
    asking?.abort()
    asking = new AbortController()
    const timer = setTimeout(abort => abort.abort(), 3000, asking)
    asked.set(String(to), await data('?' + to, asking.signal))
    clearTimeout(timer)
  }
  const labels = new Map(here.map(h => [h.value, h.label]))
  const answer = asked.get(String(to)), names = new Map(Object.entries(answer.labels ?? {}))
  return answer.values.slice(0, 50).map(value => ({ value, label: labels.get(value) ?? names.get(value) }))
}

async function choices(word) {
  const all = await qualifiers(), part = plain(word.part).toLowerCase()
  if (!word.name) {
    if (word.part[0] === '"') return []
    const named = q => [q.name, ...q.aliases ?? []].find(n => n.startsWith(part))
    return all.filter(named).map(q => ({ text: (q.name.startsWith(part) ? q.name : named(q)) + ':', note: q.explanation, more: true }))
  }
  const q = all.find(q => q.name === word.name || q.aliases?.includes(word.name))
  if (!q) return []
  const found = (await valuesOf(q, plain(word.part))).filter(v => v.value !== '' && (v.value.toLowerCase().includes(part) || v.label?.toLowerCase().includes(part)))
  if (found.length === 1 && found[0].value === plain(word.part)) return [] // nothing is left to complete
  return found.map(v => ({ text: quoted(v.value), shown: v.label ?? v.value, note: v.label && v.label !== v.value ? v.value : '' }))
}

let turn = 0
async function update(input, evenEmpty) {
  const mine = ++turn, word = wordAt(input)
  if (!word.name && !word.part && !evenEmpty) return close()
  let found = []
  try { found = await choices(word) } catch { /* the box works without */ }
  if (mine !== turn || document.activeElement !== box()) return
  options = found.slice(0, 12).map(o => ({ ...o, word }))
  show(-1)
}

function show(now) {
  const input = box()
  active = now
  if (!options.length || !input) return close()
  list.replaceChildren(...options.map((o, i) => {
    const item = document.createElement('li'), text = document.createElement('bdi'), note = document.createElement('small')
    item.id = 'av-c' + i
    item.setAttribute('role', 'option')
    item.setAttribute('aria-selected', i === active)
    text.textContent = o.shown ?? o.text
    note.textContent = o.note ?? ''
    item.append(text, note)
    return item
  }))
  list.hidden = false
  wire(input)
  list.children[active]?.scrollIntoView({ block: 'nearest' })
}

function wire(input) {
  if (list.parentNode !== input.closest('.ask')) input.closest('.ask').append(list)
  for (const [name, value] of Object.entries({ role: 'combobox', 'aria-autocomplete': 'list', 'aria-controls': list.id, 'aria-haspopup': 'listbox', 'aria-expanded': !list.hidden })) input.setAttribute(name, value)
  list.setAttribute('aria-label', input.closest('label').querySelector('.vh').textContent)
  if (active < 0 || list.hidden) input.removeAttribute('aria-activedescendant')
  else input.setAttribute('aria-activedescendant', 'av-c' + active)
}

function close() {
  turn++
  options = []
  active = -1
  list.hidden = true
  const input = box()
  if (input) wire(input)
}

function take(o) {
  const input = box(), { at, end } = o.word, rest = input.value.slice(end)
  const add = o.more || /^[\s,]/.test(rest) ? o.text : o.text + ' '
  input.value = input.value.slice(0, at) + add + rest
  input.focus()
  input.setSelectionRange(at + add.length, at + add.length)
  close()
  input.dispatchEvent(new Event('input', { bubbles: true }))
}

document.addEventListener('input', e => { if (e.target === box() && !e.isComposing) update(e.target) })
document.addEventListener('keydown', e => {
  if (e.target !== box() || e.isComposing || e.ctrlKey || e.metaKey || e.altKey) return
  const step = { ArrowDown: 1, ArrowUp: -1 }[e.key]
  if (step && list.hidden) {
    if (step > 0) { e.preventDefault(); update(e.target, true) }
  } else if (step) {
    e.preventDefault()
    active += step
    show(active < -1 ? options.length - 1 : active >= options.length ? -1 : active)
  } else if (e.key === 'Escape' && !list.hidden) {
    e.preventDefault() // it would empty the box
    e.stopPropagation()
    close()
  } else if ((e.key === 'Enter' || e.key === 'Tab') && options[active] && !e.shiftKey) {
    e.preventDefault()
    take(options[active])
  } else if (e.key === 'Enter') close()
}, true)
list.addEventListener('pointerdown', e => e.preventDefault()) // the caret stays in the box
list.addEventListener('click', e => { const at = [...list.children].indexOf(e.target.closest('li')); if (at >= 0) take(options[at]) })
document.addEventListener('focusout', () => setTimeout(() => { if (document.activeElement !== box()) close() }))
document.addEventListener('av:swapped', () => { const input = box(); if (input) list.hidden ? wire(input) : show(active) })
if (box()) {
  wire(box())
  // What was typed while this script was loading.
  if (document.activeElement === box() && box().value !== box().defaultValue) update(box())
}

// help shows the help page beside the list.
export async function help(link, html) {
  let sheet = $('dialog.sheet.help')
  if (sheet?.dataset.href !== link.href) { // its examples keep the list's filters
    sheet?.remove()
    const answer = await fetch(link.href, { headers: { Accept: 'text/html' } })
    const page = new DOMParser().parseFromString(html.createHTML(await answer.text()), 'text/html')
    const head = $('#keys .bar').cloneNode(true)
    sheet = document.createElement('dialog')
    sheet.className = 'sheet help'
    sheet.dataset.href = link.href
    $('h2', head).replaceWith(Object.assign(document.createElement('h2'), { id: 'h-help', textContent: $('h1', page).textContent }))
    sheet.setAttribute('aria-labelledby', 'h-help')
    sheet.append(head, ...document.adoptNode($('.card.help', page)).childNodes)
    sheet.addEventListener('click', e => { if (e.target.closest('a') || e.target === sheet) sheet.close() })
    document.body.append(sheet)
  }
  $('#keys[open]')?.close()
  sheet.showModal()
}
