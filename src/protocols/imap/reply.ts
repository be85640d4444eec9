/** Tagged responses, RFC 9051 §7.1, and the one place where a refusal of the core becomes one. */
import { annotationLimits } from '../../messages/annotations.ts'
import type { ErrorCode, Refusal } from '../../platform/errors.ts'
import type { CommandFault } from './syntax/command-fault.ts'
import { encodeResponseText } from './syntax/encode.ts'

/** `code` is a response code without its brackets. */
export type Reply = { condition: 'OK' | 'NO' | 'BAD'; code: string | null; text: string }

export function ok(text: string, code: string | null = null): Reply {
  return { condition: 'OK', code, text }
}

export function no(code: string, text: string): Reply {
  return { condition: 'NO', code, text }
}

export function bad(text: string): Reply {
  return { condition: 'BAD', code: null, text }
}

/** RFC 7888 §4. What a non-synchronizing literal holds is read and thrown away. */
export const literalTooLarge: Reply = { condition: 'BAD', code: 'TOOBIG', text: 'Literal too large' }
export const readOnlyFolder = no('READ-ONLY', 'The mailbox was opened read-only')

export function faultReply({ condition, code, text }: CommandFault): Reply {
  return { condition, code, text }
}

/** RFC 5530 and RFC 7889; a refusal without a code of its own cannot be helped by trying again. */
const responseCodes: Partial<Record<ErrorCode, string>> = {
  folder_not_found: 'NONEXISTENT',
  folder_exists: 'ALREADYEXISTS',
  folder_limit_reached: 'LIMIT',
  special_use_taken: 'USEATTR', // RFC 6154 §3
  quota_exceeded: 'OVERQUOTA', // RFC 9208 §4.3.1
  annotation_too_large: `METADATA MAXSIZE ${annotationLimits.valueBytesMax}`, // RFC 5464 §4.3
  annotation_limit_reached: 'METADATA TOOMANY',
  keyword_limit_reached: 'LIMIT',
  rate_limited: 'LIMIT',
  forbidden: 'NOPERM',
  mailbox_not_found: 'UNAVAILABLE',
  shutting_down: 'UNAVAILABLE',
  not_ready: 'UNAVAILABLE',
}

/** @param missing the code for a folder that is not there: TRYCREATE where creating it would help. */
export function refusalReply(refusal: Refusal, missing: 'NONEXISTENT' | 'TRYCREATE' = 'NONEXISTENT'): Reply {
  if (refusal.code === 'folder_not_found') return no(missing, refusal.detail)
  return no(responseCodes[refusal.code] ?? 'CANNOT', refusal.detail)
}

/** `a1 NO [TRYCREATE] text`; without a tag it is an untagged response. */
export function encodeReply(tag: string | null, { condition, code, text }: Reply): string {
  const bracketed = code === null ? '' : `[${code}] `
  return `${tag ?? '*'} ${condition} ${bracketed}${encodeResponseText(text)}\r\n`
}
