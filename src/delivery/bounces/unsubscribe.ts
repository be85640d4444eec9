/**
 * List-Unsubscribe with one click (RFC 2369 §3.2, RFC 8058). The address that a message names holds a sealed token: who is
 * unsubscribed from what, readable by us alone, and good for as long as the master key is known.
 */
import { hasRealCertificate } from '../../domains/certificates/host-names.ts'
import { parseAddress } from '../../mailboxes/address.ts'
import { parseHeaderFields } from '../../messages/mime/header-fields.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import { transaction } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { VaultError } from '../../platform/vault.ts'
import type { Arrival, SpooledMessage } from '../inbound/arrival.ts'
import { addSuppressions } from './suppressions.ts'

export type Unsubscription = MailboxOwner & {
  /** In canonical form. */
  address: string
}

const context = 'unsubscribe'
const idBytes = 16

/** What stands in the address: who asks not to be written to, by which workspace. */
export function unsubscribeToken(platform: Platform, { address, ...owner }: Unsubscription): string {
  const ids = [owner.organizationId, owner.workspaceId, owner.mailboxId].map((id) =>
    Buffer.from(id.replaceAll('-', ''), 'hex'),
  )
  return platform.vault.seal(Buffer.concat([...ids, Buffer.from(address)]), context).toString('base64url')
}

const tokenLengthMax = 600

/** @returns null for a token that is not ours, or was changed. The seal is compared in constant time. */
export function openUnsubscribeToken(platform: Platform, token: string): Unsubscription | null {
  if (token.length > tokenLengthMax || !/^[\w-]+$/.test(token)) return null
  try {
    const opened = platform.vault.open(Buffer.from(token, 'base64url'), context)
    const [organizationId, workspaceId, mailboxId] = [0, 1, 2].map((at) => idAt(opened, at * idBytes))
    if (!organizationId || !workspaceId || !mailboxId) return null
    return { organizationId, workspaceId, mailboxId, address: opened.toString('utf8', 3 * idBytes) }
  } catch (error) {
    if (error instanceof VaultError) return null
    throw error
  }
}

function idAt(bytes: Buffer, at: number): string | null {
  const hex = bytes.toString('hex', at, at + idBytes)
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  return isId(id) ? id : null
}

/** The two fields, each with its CRLF. */
export function unsubscribeFields(platform: Platform, unsubscription: Unsubscription): string {
  const token = unsubscribeToken(platform, unsubscription)
  return [
    `List-Unsubscribe:\r\n <${publicUrl(platform)}/unsubscribe/${token}>`,
    'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
    '',
  ].join('\r\n')
}

/** Where the HTTP listener is reached from outside, without a slash at the end. */
export function publicUrl({ config, ports }: Platform): string {
  const { publicUrl: given, hostname, httpPort } = config
  if (given !== null) return given.replace(/\/+$/, '')
  const secure = ports.https ?? config.httpsPort
  // RFC 8058 §3.1 wants HTTPS; a certificate that nobody trusts would not do.
  if (secure !== null && hasRealCertificate(config)) {
    return `https://${hostname}${secure === 443 ? '' : `:${secure}`}`
  }
  return `http://${hostname}:${ports.http ?? httpPort ?? 80}`
}

/** Does what a click asks for: the workspace does not write to the address any more. Once, however often it is asked. */
export async function unsubscribe(
  platform: Platform,
  { organizationId, workspaceId, mailboxId, address }: Unsubscription,
): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const added = await addSuppressions(platform, tx, [
      {
        organization_id: organizationId,
        workspace_id: workspaceId,
        address,
        reason: 'unsubscribe',
        detail: null,
        expiresAt: null,
      },
    ])
    if (added.length === 0) return
    await appendEvents(platform, tx, [
      { type: 'message.unsubscribed', organizationId, workspaceId, mailboxId, data: { address } },
    ])
  })
}

const requestField = 'x-mailwright-unsubscribe'

/**
 * Grants what a submission asks for by `X-Mailwright-Unsubscribe: one-click`: the two fields take the place of that one, so
 * that they are in the message before it is signed (RFC 8058 §4). The asking field never leaves. There is no grant
 * for a message to more than one recipient, because each would have the other's address, and none where the sender has
 * brought a List-Unsubscribe.
 */
export function applyUnsubscribe(platform: Platform, arrival: Arrival): Arrival {
  const { login, message, local, remote } = arrival
  // Every submission passes here, and hardly any asks.
  if (login === null || !message.header.toString('latin1').toLowerCase().includes(requestField))
    return arrival
  const fields = parseHeaderFields(message.header)
  const asking = fields.filter(({ name }) => name.toLowerCase() === requestField)
  const isAsked = asking.some(({ value }) => value.toLowerCase() === 'one-click')
  const hasOwn = fields.some(({ name }) => name.toLowerCase() === 'list-unsubscribe')
  const [only] = remote
  const address = only && remote.length === 1 && local.length === 0 ? parseAddress(only.address) : null
  const granted =
    isAsked && !hasOwn && address?.ok
      ? unsubscribeFields(platform, { ...login, address: address.value.address })
      : ''
  return { ...arrival, message: replaceFields(message, asking, Buffer.from(granted)) }
}

/** Bytes of ours, or a range of a message. */
type Segment = Buffer | { start: number; end: number }

/** A message with other bytes in place of the first of some fields, and nothing in place of the others. */
function replaceFields(
  message: SpooledMessage,
  fields: readonly { start: number; end: number }[],
  replacement: Buffer,
): SpooledMessage {
  const segmentsUpTo = (size: number): Segment[] => [
    ...fields.flatMap(({ start }, at): Segment[] => [
      { start: fields[at - 1]?.end ?? 0, end: start },
      at === 0 ? replacement : Buffer.alloc(0),
    ]),
    { start: fields.at(-1)?.end ?? 0, end: size },
  ]
  const segments = segmentsUpTo(message.sizeBytes)
  const sizeBytes = segments.reduce((sum, segment) => sum + lengthOf(segment), 0)
  return {
    sizeBytes,
    header: Buffer.concat(
      segmentsUpTo(message.header.length).map((segment) =>
        Buffer.isBuffer(segment) ? segment : message.header.subarray(segment.start, segment.end),
      ),
    ),
    async *read(from = 0, to = sizeBytes) {
      let at = 0
      for (const segment of segments) {
        const length = lengthOf(segment)
        const first = Math.max(0, from - at)
        const last = Math.min(length, to - at)
        at += length
        if (first >= last) continue
        if (Buffer.isBuffer(segment)) yield segment.subarray(first, last)
        else yield* message.read(segment.start + first, segment.start + last)
      }
    },
    [Symbol.asyncDispose]: () => message[Symbol.asyncDispose](),
  }
}

function lengthOf(segment: Segment): number {
  return Buffer.isBuffer(segment) ? segment.length : segment.end - segment.start
}
