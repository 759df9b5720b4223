// New entries as they come. Loaded by who switches it on.
const $ = (q, from = document) => from.querySelector(q)
const $$ = (q, from = document) => [...from.querySelectorAll(q)]
const keep = 60_000 // a hidden tab's connection, in ms

export function start(first, html, visit) {
  let on = false, socket, source, cursor, failures = 0, neverOpened = 0, timer, sleep, polling = false
  let held = [], count = 0, gap = false, renewed = false // once: a new page's position may be as unknown
  let announced = 0, unsaid = 0, saying
  const button = () => $('.live') ?? first
  const say = (state, text) => {
    const b = button()
    if (!on) { delete b.dataset.state; return }
    b.dataset.state = state
    $('.state', b).textContent = b.dataset[text]
  }
  const status = () => {
    if (count) { say('held', 'held'); $('.state', button()).textContent = button().dataset.held.replace('#', number(count)) }
    else say('on', polling ? 'poll' : 'liveOn')
  }
  const lang = document.documentElement.lang
  const number = n => new Intl.NumberFormat(lang).format(n)
  const fill = (n, forms) => {
    const by = JSON.parse(forms)
    return (by[new Intl.PluralRules(lang).select(n)] ?? by.other).replace('%s', number(n))
  }
  const list = () => new URLSearchParams($('main').dataset.list)

  function toggle() {
    on = !on
    sessionStorage.setItem('av-live', on ? '1' : '')
    button().setAttribute('aria-checked', on)
    if (on) { cursor = undefined; begin() } else end()
  }

  // The page says where its entries end; the feed begins there.
  function begin() {
    failures = neverOpened = 0
    clearHeld()
    cursor = $('main').dataset.position || undefined
    say('wait', 'wait')
    connect()
  }

  function end() {
    disconnect()
    clearHeld()
    say()
  }

  function disconnect() {
    clearTimeout(timer)
    const s = socket, e = source
    socket = source = undefined
    s?.close()
    e?.close()
  }

  function url(how) {
    const q = list()
    q.delete('cursor')
    q.set('live', how)
    if (cursor) q.set('after', cursor)
    return new URL('?' + q, location.href)
  }

  function connect() {
    disconnect()
    if (!on || $('main').dataset.list === undefined) return // a filter that is wrong selects nothing
    if (neverOpened >= 2 || !window.WebSocket) return events()
    const to = url('ws')
    to.protocol = to.protocol.replace('http', 'ws')
    const own = socket = new WebSocket(to)
    let opened = false
    own.onopen = () => { opened = true; failures = neverOpened = 0; polling = false; status() }
    own.onmessage = e => { if (own === socket) frame(JSON.parse(e.data)) }
    own.onclose = e => {
      if (own !== socket) return
      socket = undefined
      if (!opened) neverOpened++
      if (e.code === 4403) return signedOut()
      if (e.code === 4408) return connect()
      again()
    }
  }

  function events() {
    const own = source = new EventSource(url('sse'))
    own.onopen = () => { failures = 0; status() }
    own.onmessage = e => {
      if (own !== source) return
      const f = JSON.parse(e.data)
      polling = f.end === 'poll'
      frame(f)
      if (f.end === 'denied') return signedOut()
      if (f.end && f.end !== 'poll') { own.close(); source = undefined; again() }
    }
    own.onerror = () => {
      if (own !== source || polling && own.readyState === EventSource.CONNECTING) return
      if (own.readyState === EventSource.CONNECTING) return say('wait', 'again')
      own.close()
      source = undefined
      again()
    }
  }

  // Someone who is signed out is told so, and not asked for again and again.
  async function again() {
    say('wait', 'again')
    const wait = Math.min(10_000, 250 * 2 ** failures++) * (0.8 + Math.random() / 5)
    timer = setTimeout(async () => {
      if (failures > 1) {
        const q = url('x').searchParams
        q.delete('live'); q.delete('after'); q.set('format', 'json'); q.set('per', '1')
        const answer = await fetch('?' + q).catch(() => undefined)
        if (answer && (answer.status === 401 || answer.status === 403)) return signedOut()
      }
      connect()
    }, wait)
  }

  function signedOut() {
    disconnect()
    on = true
    say('wait', 'out')
    on = false
    button().setAttribute('aria-checked', false)
  }

  function frame(f) {
    cursor = f.cursor
    if (f.gap) { gap = true; count += f.gap }
    if (f.lost) { gap = true; if (!renewed && mayInsert()) { renewed = true; return insert() } }
    const have = new Set($$('#results tbody tr').map(r => r.dataset.id))
    const before = count
    for (const row of f.entries) {
      const id = /^<tr data-id="([^"]*)"/.exec(row)[1]
      if (have.has(id) || held.some(h => h.id === id)) continue
      held.push({ id, row })
      count++
    }
    held = held.slice(-per())
    if (!count) return status()
    unsaid += count - before
    if (mayInsert()) insert(); else { pill(); status() }
    announce()
  }

  const per = () => Number($('.per select')?.value) || 50

  // Nobody's place is moved: rows come in only where nobody reads, selects or
  // chooses something.
  function mayInsert() {
    const q = list(), results = $('#results')
    if (!results || q.has('cursor') || q.has('sort') || q.has('group') || document.hidden) return false
    if ($(':is(.menu, .rest)[open]') || results.getBoundingClientRect().top < 0) return false
    const table = $('#results table')
    return !(table && (table.contains(document.activeElement) || !getSelection().isCollapsed && table.contains(getSelection().anchorNode)))
  }

  function insert(focus) {
    const body = $('#results tbody'), q = list()
    if (!body || gap || q.has('cursor') || q.has('sort') || q.has('group')) {
      clearHeld()
      q.delete('cursor'); q.delete('sort')
      visit('?' + q, { push: list().has('cursor') || list().has('sort'), focus: focus && '#results tbody a' })
      return
    }
    const total = $('#count')
    if (total?.dataset.total !== undefined) {
      total.dataset.total = Number(total.dataset.total) + count
      $('b', total).textContent = fill(Number(total.dataset.total), button().dataset.total)
    }
    const t = document.createElement('template')
    t.innerHTML = html.createHTML(held.map(h => h.row).reverse().join(''))
    for (const row of t.content.children) row.classList.add('isnew')
    body.prepend(t.content)
    let above
    for (const day of $$('.day', body)) if (day.textContent === above) day.remove(); else above = day.textContent
    while (body.rows.length > per()) body.rows[body.rows.length - 1].remove()
    clearHeld()
    status()
    if (focus) $('a', body)?.focus({ preventScroll: true })
  }

  function pill() {
    const box = $('.pill')
    if (!box) return
    $('.fresh', box).textContent = fill(count, button().dataset.new)
    box.hidden = false
  }

  function clearHeld() {
    held = []
    count = 0
    gap = false
    if ($('.pill')) $('.pill').hidden = true
  }

  // A screen reader is told at most every ten seconds.
  function announce() {
    if (saying || !unsaid) return
    saying = setTimeout(() => {
      saying = undefined
      announced = Date.now()
      const n = unsaid
      unsaid = 0
      if ($('#said') && on) $('#said').textContent = fill(n, button().dataset.new)
    }, Math.max(0, announced + 10_000 - Date.now()))
  }

  document.addEventListener('click', e => {
    if (e.target.closest('.live')) toggle()
    if (e.target.closest('.fresh')) {
      $('#results').scrollIntoView({ block: 'start' })
      if (scrollY < 400) scrollTo(0, 0)
      insert(true)
    }
  })
  document.addEventListener('av:swapped', () => { if (on) begin() })
  document.addEventListener('visibilitychange', () => {
    clearTimeout(sleep)
    if (!on) return
    if (document.hidden) sleep = setTimeout(disconnect, keep)
    else if (!socket && !source) connect()
  })
  addEventListener('pagehide', disconnect)
  addEventListener('pageshow', e => { if (e.persisted && on) connect() })
  toggle()
}
