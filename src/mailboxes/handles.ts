/** Handles: the names of identities, each once on the whole platform. */
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import { reservedHandles } from './reserved-handles.ts'

declare const kind: unique symbol
/** In canonical form: lower case, without the @ that people write before it. */
export type Handle = string & { readonly [kind]: 'Handle' }

// ASCII only, and looked at before it is lowered: the Kelvin sign, for one, becomes a k. So no two handles can differ
// in what is not seen, and none looks like another by characters of another script.
const handlePattern = /^@?([A-Za-z0-9][A-Za-z0-9._-]{1,62})$/

/** Reads what may be the handle of something, reserved or not. @returns null for what cannot be one. */
export function parseHandle(text: string): Handle | null {
  const name = handlePattern.exec(text)?.[1]?.toLowerCase()
  return name === undefined || isId(name) ? null : (name as Handle) // the brand has no value
}

/** A handle for a new identity. @throws Refusal handle_invalid. */
export function requireHandle(text: string): Handle {
  const handle = parseHandle(text)
  if (handle === null) {
    throw new Refusal(
      'handle_invalid',
      `"${text}" must have 2 to 63 letters, digits, dots, hyphens or underscores, begin with a letter or digit, and be no id.`,
    )
  }
  if (reservedHandles.has(handle)) throw new Refusal('handle_invalid', `"${handle}" is reserved.`)
  return handle
}
