// Dragging over the chart chooses a period, and arrow keys walk along its bars.
// Loaded when a pointer or the focus comes to the chart.
const $$ = (q, from) => [...from.querySelectorAll(q)]

export function start(visit) {
  let svg, from, to, band, dragged
  const bars = () => $$('a', svg)
  const at = e => {
    const box = svg.getBoundingClientRect(), n = bars().length
    const part = (e.clientX - box.left) / box.width
    return Math.min(n - 1, Math.max(0, Math.floor(part * n)))
  }
  document.addEventListener('pointerdown', e => {
    svg = e.target.closest('.chart svg')
    dragged = false
    if (svg && !e.button) from = at(e)
    else svg = undefined
  })
  document.addEventListener('pointermove', e => {
    if (!svg) return
    to = at(e)
    if (to === from && !band) return
    if (!band) {
      band = document.createElementNS(svg.namespaceURI, 'rect')
      band.setAttribute('class', 'band')
      band.setAttribute('height', 100)
      svg.append(band)
      svg.setPointerCapture(e.pointerId)
    }
    dragged = true
    band.setAttribute('x', Math.min(from, to) * 10)
    band.setAttribute('width', (Math.abs(to - from) + 1) * 10)
  })
  const end = e => {
    const all = svg && bars()
    band?.remove()
    band = svg = undefined
    if (!all || !dragged || e.type === 'pointercancel') return
    const first = new URLSearchParams(all[Math.min(from, to)].getAttribute('href'))
    const last = new URLSearchParams(all[Math.max(from, to)].getAttribute('href'))
    first.set('to', last.get('to'))
    visit('?' + first, { focus: '#main' })
  }
  document.addEventListener('pointerup', end)
  document.addEventListener('pointercancel', end)
  document.addEventListener('mousedown', e => { if (e.target.closest('.chart svg')) e.preventDefault() }) // it would take the focus
  document.addEventListener('dragstart', e => { if (e.target.closest?.('.chart')) e.preventDefault() })
  document.addEventListener('click', e => { // the end of a drag is no click on a bar
    if (dragged && e.target.closest('.chart svg')) { e.preventDefault(); e.stopPropagation() }
    dragged = false
  }, true)
  document.addEventListener('keydown', e => {
    const now = e.target.closest('.chart svg a')
    if (!now || e.metaKey || e.ctrlKey || e.altKey) return
    const all = $$('a', now.parentNode), i = all.indexOf(now)
    const next = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: all.length - 1 }[e.key]
    if (next === undefined) return
    e.preventDefault()
    const to = all[next]
    if (!to) return
    now.tabIndex = -1
    to.tabIndex = 0
    to.focus()
  })
}
