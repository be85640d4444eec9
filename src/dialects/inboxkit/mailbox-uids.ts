/** Which mailbox a call names. */
import { Refusal } from '../../platform/errors.ts'

/** An address is no uid, though the core takes either. @throws Refusal mailbox_not_found. */
export function requireUid(text: string): string {
  if (text.includes('@')) throw new Refusal('mailbox_not_found')
  return text
}

/** The uid in the path, of routes that are reached by paths with and without one. */
export function pathUid(params: unknown): string | undefined {
  if (typeof params !== 'object' || params === null) return undefined
  const uid: unknown = Reflect.get(params, 'uid')
  return typeof uid === 'string' ? uid : undefined
}
