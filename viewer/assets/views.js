// Views that this browser keeps. Loaded when their menu is opened.
const key = 'av-views ' + location.pathname
const read = () => { try { return JSON.parse(localStorage.getItem(key)) ?? [] } catch { return [] } }
const write = list => localStorage.setItem(key, JSON.stringify(list))

export function show(menu) {
  const own = menu.querySelector('.own'), form = menu.querySelector('.save')
  const list = read().filter(v => typeof v?.name === 'string' && typeof v.query === 'string')
  own.replaceChildren(...list.map(view => {
    const item = document.createElement('li'), link = document.createElement('a'), text = document.createElement('bdi'), remove = document.createElement('button')
    text.textContent = view.name
    link.href = '?' + new URLSearchParams(view.query)
    link.append(text)
    remove.type = 'button'
    remove.className = 'btn i'
    remove.textContent = '×'
    remove.setAttribute('aria-label', own.dataset.remove.replace('#', view.name))
    remove.onclick = () => { write(read().filter(v => v.name !== view.name)); show(menu); menu.querySelector('summary').focus() }
    item.append(link, remove)
    return item
  }))
  if (!list.length) own.append(Object.assign(document.createElement('li'), { textContent: own.dataset.none }))
  form.querySelector('.keep').onclick = () => {
    const name = form.elements.name.value.trim()
    if (!name) return form.reportValidity()
    write([...read().filter(v => v.name !== name), { name, query: menu.dataset.query }])
    form.elements.name.value = ''
    show(menu)
  }
  form.onsubmit = e => { // Enter keeps it here where it can't be shared
    if (form.querySelector('.ends .btn:not(.keep)')) return
    e.preventDefault()
    form.querySelector('.keep').click()
  }
}
