/** An event as a line for people. */
import { oneLine } from '../queue/table.ts'

const valueCharsMax = 200

/** Time, type and what it says. What comes from a sender cannot steer the terminal. */
export function eventLine(event: object): string {
  const { created_at: at, type, data } = Object(event)
  const said = Object.entries(Object(data))
    .filter(([name, value]) => value !== null && !internal.has(name))
    .map(([name, value]) => `${name}=${shown(value)}`)
  return oneLine([String(at), String(type).padEnd(24), ...said].join(' '))
}

/** For mail programs, and no news to people. */
const internal: ReadonlySet<string> = new Set(['uid', 'highest_modseq'])

function shown(value: unknown): string {
  const address = typeof value === 'object' && value !== null ? Reflect.get(value, 'address') : undefined
  const text =
    typeof address === 'string' ? address : typeof value === 'string' ? value : JSON.stringify(value)
  const cut = text.length > valueCharsMax ? `${text.slice(0, valueCharsMax)}…` : text
  return /[\s"]/.test(cut) ? JSON.stringify(cut) : cut
}
