// Keys beside those of the browser. Loaded when the first of them is pressed.
const $ = q => document.querySelector(q)

export function press(key) {
  const sheet = $('#keys')
  if (key === '?') return sheet?.open ? sheet.close() : sheet?.showModal()
  if (sheet?.open) return
  const down = key === 'j', rows = [...document.querySelectorAll('#results tbody .c-time a')]
  if ($('.drawer[open]') || !rows.length) return $(`.steps a[rel=${down ? 'next' : 'prev'}]`)?.click()
  const now = rows.indexOf(document.activeElement.closest('#results tbody tr')?.querySelector('.c-time a'))
  const row = now < 0 ? rows.at(down ? 0 : -1) : rows[now + (down ? 1 : -1)]
  row?.focus({ preventScroll: true })
  row?.closest('tr').scrollIntoView({ block: 'nearest' })
}
