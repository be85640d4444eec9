/** Reading what a sequencer sends of its accounts: unknown values, narrowed, bounded, and without what is secret. */
import { listOf, member, textOf } from '../../platform/json-members.ts'
import { cleanWords } from '../driver.ts'

/** A name of the sequencer's, from a text or a whole number. Empty: there is none that could be kept. */
export function idOf(value: unknown, name: string): string {
  const found = member(value, name)
  if (typeof found === 'number' && Number.isSafeInteger(found) && found >= 0) return String(found)
  return typeof found === 'string' && /^[\x21-\x7e]{1,200}$/.test(found) ? found : ''
}

/** In lower case; empty: there is none. */
export function addressOf(value: unknown, name: string): string {
  const found = textOf(value, name).trim().toLowerCase()
  return /^[^\s\p{Cc}]{1,190}@[^\s\p{Cc}@]{1,255}$/u.test(found) ? found.toWellFormed() : ''
}

/** @param secrets they are blacked out, also in the form that they have in a URL. */
export function withoutSecrets(words: string, secrets: readonly string[]): string {
  const all = secrets.flatMap((secret) => [secret, encodeURIComponent(secret), jsonForm(secret)])
  return all
    .filter((secret) => secret.length >= secretLengthMin)
    .sort((a, b) => b.length - a.length)
    .reduce((text, secret) => text.replaceAll(secret, '***'), words)
}

const secretLengthMin = 4 // a shorter one is part of any word

const jsonForm = (text: string): string => JSON.stringify(text).slice(1, -1)

/** @returns null where nothing is said. */
export function wordsOrNull(words: string, secrets: readonly string[]): string | null {
  const kept = cleanWords(withoutSecrets(words, secrets))
  return kept === '' ? null : kept
}

// Where the tools have their words, deepest last. What stands elsewhere may be what they were told, with passwords.
const speaking = [
  'message',
  'msg',
  'error',
  'errors',
  'detail',
  'details',
  'title',
  'reason',
  'description',
  'error_message',
  'error_description',
  'validation',
  'data',
  'payload',
]
const [depthMax, wordsMax] = [4, 10]

/** What is said in an answer that tells of an error, in whatever of the shapes that sequencers have for it. */
export function saidIn(json: unknown): string[] {
  return [...new Set(collect(json, 0).filter((one) => one !== ''))].slice(0, wordsMax)
}

function collect(value: unknown, depth: number): string[] {
  if (depth > depthMax) return []
  if (typeof value === 'string') return depth === 0 ? [] : [value.trim()]
  if (Array.isArray(value)) return value.slice(0, wordsMax).flatMap((one) => collect(one, depth + 1))
  return speaking.flatMap((name) => {
    const found = member(value, name)
    const isByField = name === 'errors' && typeof found === 'object' && !Array.isArray(found)
    if (isByField) return byField(found, depth + 1)
    if (name === 'validation') {
      const keys = listOf(found, 'keys').filter((key) => typeof key === 'string')
      return keys.length > 0 ? [keys.slice(0, wordsMax).join(', ')] : collect(found, depth + 1)
    }
    return collect(found, depth + 1)
  })
}

/** `{field: [words]}`, or an error that is an object itself. */
function byField(found: unknown, depth: number): string[] {
  const spoken = collect(found, depth)
  if (spoken.length > 0) return spoken
  return Object.entries(Object(found))
    .slice(0, wordsMax)
    .flatMap(([field, words]) => collect(words, depth + 1).map((one) => `${field}: ${one}`))
}
