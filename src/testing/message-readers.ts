/** The messages of a mailbox as each face that has messages shows them, in common words: one more face is one more reader. */
import assert from 'node:assert/strict'
import type { ImapFlow } from 'imapflow'
import { type FaceCall, instantAt, ok, textOrNull } from './mailbox-readers.ts'
import { at, listAt, textAt } from './test-api.ts'

export type MessageFacts = {
  /** Message-ID, without angle brackets. */
  messageId: string
  subject: string | null
  from: string
  isRead: boolean
  isStarred: boolean
  /** Whether the mailbox sent it. */
  isSent: boolean
  /** In whole seconds since 1970: IMAP knows no more. */
  receivedSecond: number
  id?: string
  mailboxId?: string
  threadId?: string
  /** In milliseconds since 1970. */
  receivedAt?: number
  preview?: string
  hasAttachments?: boolean
}

/** All but what lies in Trash and Drafts. */
export type MessageReader = { name: string; messages(address: string): Promise<MessageFacts[]> }

export function nativeMessages(native: FaceCall): MessageReader {
  return {
    name: 'native',
    async messages(address) {
      const page = await ok(native('GET', `/mailboxes/${address}/messages?folder=anywhere&limit=100`))
      return byId(
        listAt(page, 'data')
          .filter((row) => !['Trash', 'Drafts'].includes(textAt(row, 'folder', 'path')))
          .map((row) => ({
            ...times(instantAt(row, 'received_at')),
            id: textAt(row, 'id'),
            mailboxId: textAt(row, 'mailbox_id'),
            threadId: textAt(row, 'thread_id'),
            messageId: textAt(row, 'message_id'),
            subject: textOrNull(row, 'subject'),
            from: textAt(row, 'from', 0, 'address'),
            isRead: listAt(row, 'flags').includes('seen'),
            isStarred: listAt(row, 'flags').includes('flagged'),
            isSent: textAt(row, 'folder', 'path') === 'Sent',
            preview: textAt(row, 'preview'),
            hasAttachments: at(row, 'has_attachments') === true,
          })),
      )
    },
  }
}

export function inkboxMessages(inkbox: FaceCall): MessageReader {
  return {
    name: 'inkbox',
    async messages(address) {
      const path = `/mail/mailboxes/${encodeURIComponent(address)}/messages?limit=100`
      return byId(
        listAt(await ok(inkbox('GET', path)), 'items').map((row) => ({
          ...times(instantAt(row, 'created_at')),
          id: textAt(row, 'id'),
          mailboxId: textAt(row, 'mailbox_id'),
          threadId: textAt(row, 'thread_id'),
          messageId: textAt(row, 'message_id').replace(/^<|>$/g, ''),
          subject: textOrNull(row, 'subject'),
          from: textAt(row, 'from_address'),
          isRead: at(row, 'is_read') === true,
          isStarred: at(row, 'is_starred') === true,
          isSent: at(row, 'direction') === 'outbound',
          preview: textAt(row, 'snippet'),
          hasAttachments: at(row, 'has_attachments') === true,
        })),
      )
    },
  }
}

/** @param logIn gives a client that is logged in at the mailbox. */
export function imapMessages(logIn: (address: string) => Promise<ImapFlow>): MessageReader {
  return {
    name: 'imap',
    async messages(address) {
      const client = await logIn(address)
      const found: MessageFacts[] = []
      for (const { path, specialUse = '' } of await client.list()) {
        if (['\\Trash', '\\Drafts'].includes(specialUse)) continue
        const { exists } = await client.mailboxOpen(path, { readOnly: true })
        if (exists === 0) continue
        for (const one of await client.fetchAll('1:*', { envelope: true, flags: true, internalDate: true })) {
          const { envelope, flags = new Set(), internalDate } = one
          assert.ok(internalDate instanceof Date)
          found.push({
            messageId: (envelope?.messageId ?? '').replace(/^<|>$/g, ''),
            subject: envelope?.subject ?? null,
            from: envelope?.from?.[0]?.address ?? '',
            isRead: flags.has('\\Seen'),
            isStarred: flags.has('\\Flagged'),
            isSent: specialUse === '\\Sent',
            receivedSecond: Math.floor(internalDate.getTime() / 1000),
          })
        }
      }
      await client.logout()
      return byId(found)
    },
  }
}

function times(receivedAt: number): { receivedAt: number; receivedSecond: number } {
  return { receivedAt, receivedSecond: Math.floor(receivedAt / 1000) }
}

/** A message to oneself is there twice. */
function byId(messages: MessageFacts[]): MessageFacts[] {
  const key = ({ messageId, isSent }: MessageFacts): string => `${messageId} ${isSent}`
  return messages.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}
