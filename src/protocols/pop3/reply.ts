/** Replies, RFC 1939 §3, with the response codes of RFC 2449 §8, RFC 3206 and RFC 6856 §5. */
import type { ErrorCode, Refusal } from '../../platform/errors.ts'
import { pop3Limits } from './limits.ts'

export type ResponseCode = 'AUTH' | 'IN-USE' | 'SYS/TEMP' | 'SYS/PERM' | 'UTF8'

/** `isBad`: the line was no command, or none for now. */
export type Reply = { ok: boolean; code: ResponseCode | null; text: string; isBad?: true }

export function ok(text: string): Reply {
  return { ok: true, code: null, text }
}

export function err(text: string, code: ResponseCode | null = null): Reply {
  return { ok: false, code, text }
}

export function bad(text: string): Reply {
  return { ok: false, code: null, text, isBad: true }
}

export const noSuchMessage = err('No such message')
/** RFC 1939 §8 leaves it to us whether a message that is gone in the meantime is told apart. */
export const messageIsGone = err('The message is not there any more')

/** RFC 3206 §4: what is over after a while, and what needs a person. */
const passing: ReadonlySet<ErrorCode> = new Set(['shutting_down', 'not_ready', 'rate_limited', 'internal'])

export function refusalReply(refusal: Refusal): Reply {
  return err(refusal.detail, passing.has(refusal.code) ? 'SYS/TEMP' : 'SYS/PERM')
}

/** One line. A text that begins with a bracket would be taken for a code (RFC 2449 §6.4): none of ours does. */
export function encodeReply({ ok, code, text }: Reply): string {
  const bracketed = code === null ? '' : `[${code}] `
  const line = `${ok ? '+OK' : '-ERR'} ${bracketed}${text.replace(/[^ -~]+/g, ' ')}`
  return `${line.slice(0, pop3Limits.replyBytesMax - 2)}\r\n`
}
