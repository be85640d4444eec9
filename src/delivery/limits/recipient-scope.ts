/** One mailbox's counter for one recipient: it has an id as mailboxes and domains have, made of both. */
import { hash } from 'node:crypto'

/** @param address canonical. @returns the same for the same two, as a UUID of version 8 (RFC 9562 §5.8). */
export function recipientScopeId(mailboxId: string, address: string): string {
  const bytes = hash('sha256', `${mailboxId} ${address}`, 'buffer')
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  )
}
