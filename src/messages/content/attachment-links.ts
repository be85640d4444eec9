/**
 * Links to an attachment that are good for a while without a key: who has one may load that file of that message, and
 * nothing else. They are signed, under a key that follows from the master key.
 */
import { timingSafeEqual } from 'node:crypto'
import { isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'

export type LinkedAttachment = {
  workspaceId: string
  mailboxId: string
  messageId: string
  /** As `attachmentsOf` counts. */
  number: number
}

const context = 'attachment_link'
export const attachmentLinkSeconds = 900

/** What stands in the link. */
export function attachmentLinkToken(platform: Platform, attachment: LinkedAttachment): string {
  const { workspaceId, mailboxId, messageId, number } = attachment
  const expires = Math.floor(platform.clock.now().getTime() / 1000) + attachmentLinkSeconds
  const payload = Buffer.from([workspaceId, mailboxId, messageId, number, expires].join(' ')).toString(
    'base64url',
  )
  return `${payload}.${platform.vault.digest(payload, context).toString('base64url')}`
}

const tokenLengthMax = 400

/** @returns null for a token that is not ours, was changed, or is over. */
export function openAttachmentLink(platform: Platform, token: string): LinkedAttachment | null {
  const [payload = '', signature = '', ...rest] = token.split('.')
  if (token.length > tokenLengthMax || rest.length > 0 || !isSigned(platform, payload, signature)) return null
  const parts = Buffer.from(payload, 'base64url').toString().split(' ')
  const [workspaceId = '', mailboxId = '', messageId = '', number = '', expires = ''] = parts
  if (![workspaceId, mailboxId, messageId].every(isId)) return null
  if (Number(expires) * 1000 <= platform.clock.now().getTime()) return null
  return { workspaceId, mailboxId, messageId, number: Number(number) }
}

/** Under any master key that is known: a link outlives a change of keys. */
function isSigned({ vault }: Platform, payload: string, signature: string): boolean {
  const given = Buffer.from(signature, 'base64url')
  return [...vault.keyIds].some((keyId) => {
    const expected = vault.digest(payload, context, keyId)
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
}
