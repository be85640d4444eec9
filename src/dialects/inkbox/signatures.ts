/** What stands below the messages of a mailbox. */
import { Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { safeSignature } from '../../delivery/submission/signatures.ts'
import { updateMailbox } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import type { Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { orNull } from './schemas.ts'

const SignatureText = orNull(Type.String({ maxLength: 16_384 }))

export const signatureFields = {
  signature_html: SignatureText,
  signature_text: SignatureText,
  signature_enabled: Type.Boolean(),
} as const

export type SignatureView = {
  signature_html: string | null
  signature_text: string | null
  signature_enabled: boolean
}

export function signatureView({ signature_html, signature_text, signature_enabled }: Mailbox): SignatureView {
  return { signature_html, signature_text, signature_enabled }
}

/** Changes what is named. @throws Refusal mailbox_not_found, mailbox_details_invalid, forbidden. */
export async function changeSignature(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  mailboxId: string,
  { signature_html: html, signature_text: text, signature_enabled: enabled }: Partial<SignatureView>,
): Promise<void> {
  if (html === undefined && text === undefined && enabled === undefined) return
  const signature = {
    ...(html === undefined ? {} : { html: html === null ? null : safeSignature(html) }),
    ...(text === undefined ? {} : { text }),
    ...(enabled === undefined ? {} : { enabled }),
  }
  await updateMailbox(platform, tx, scope, mailboxId, { signature }, null)
}
