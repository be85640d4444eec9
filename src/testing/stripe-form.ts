/** What Stripe’s SDK sends: a form with brackets, as in `line_items[0][price_data][currency]=usd`. */

export type Form = { [name: string]: FormValue }
export type FormValue = string | Form

/** Lists become objects whose names are 0, 1 and so on. @throws Error for two values of one name. */
export function decodeForm(text: string): Form {
  const form: Form = {}
  for (const [name, value] of new URLSearchParams(text)) {
    const path = [
      /^[^[]*/.exec(name)?.[0] ?? '',
      ...[...name.matchAll(/\[([^\]]*)\]/g)].map(([, key = '']) => key),
    ]
    put(form, path, value)
  }
  return form
}

function put(form: Form, path: readonly string[], value: string): void {
  const [first = '', ...rest] = path
  const key = first === '' ? String(Object.keys(form).length) : first
  if (rest.length === 0) {
    if (key in form) throw new Error(`${key} is there twice`)
    form[key] = value
    return
  }
  const inner = form[key] ?? {}
  if (typeof inner === 'string') throw new Error(`${key} is a value and an object`)
  form[key] = inner
  put(inner, rest, value)
}

/** The value at a path; undefined if there is none. */
export function valueAt(form: Form, ...path: string[]): string | undefined {
  let value: FormValue | undefined = form
  for (const step of path) value = typeof value === 'object' ? value[step] : undefined
  return typeof value === 'string' ? value : undefined
}

/** The object at a path as texts, as metadata are. */
export function textsAt(form: Form, ...path: string[]): Record<string, string> {
  let value: FormValue | undefined = form
  for (const step of path) value = typeof value === 'object' ? value[step] : undefined
  if (typeof value !== 'object') return {}
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
