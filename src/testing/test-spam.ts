/** For tests of the spam filter: arrivals and what authentication found, with everything that a test does not care about. */
import type { Arrival, Authentication } from '../delivery/inbound/arrival.ts'
import { spooledBytes } from '../delivery/inbound/spool.ts'
import type { LocalRecipient } from '../delivery/recipients.ts'
import { findInboxId } from '../messages/folders.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import type { TestMailbox } from './test-platform.ts'

/** A message that nothing is wrong with, but for what is changed. */
export function honestMessage(
  fields: Readonly<Record<string, string | null>> = {},
  body = 'See you tomorrow at ten.\r\n',
): string {
  const all: Record<string, string | null> = {
    From: 'Ann <ann@author.example>',
    To: 'user1@demo.test',
    Subject: 'Our meeting',
    Date: new Date(Date.now() - 60_000).toUTCString().replace('GMT', '+0000'),
    'Message-ID': '<one@author.example>',
    'MIME-Version': '1.0',
    ...fields,
  }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]))
  return [...lines, '', body].join('\r\n')
}

export function arrivalOf(raw: string | Buffer, more: Partial<Arrival> = {}): Arrival {
  return {
    id: newId(),
    at: new Date(),
    role: 'mx',
    helo: 'mail.author.example',
    remoteAddress: '203.0.113.5',
    protocol: 'ESMTP',
    tls: false,
    mailFrom: 'ann@author.example',
    smtputf8: false,
    ret: null,
    envid: null,
    requireTls: false,
    notBefore: null,
    login: null,
    local: [],
    remote: [],
    message: spooledBytes(Buffer.from(raw)),
    ...more,
  }
}

/** SPF and DMARC pass for author.example, but for what is changed. */
export function authenticationOf(more: Partial<Authentication> = {}): Authentication {
  return {
    spf: { result: 'pass', domain: 'author.example' },
    dkim: [],
    dmarc: {
      result: 'pass',
      domain: 'author.example',
      policy: 'none',
      disposition: 'none',
      override: null,
    },
    arc: { result: 'none', sealers: [] },
    fields: '',
    arcRecord: { authResults: '', cv: 'none' },
    ...more,
  }
}

/** Nothing was published, so that nothing is proved. */
export const unproved: Authentication = authenticationOf({
  spf: { result: 'none', domain: null },
  dmarc: { result: 'none', domain: null, policy: null, disposition: 'none', override: null },
})

/** A mailbox as RCPT TO finds it. */
export async function recipientOf(platform: Platform, mailbox: TestMailbox): Promise<LocalRecipient> {
  const folderId = await findInboxId(platform, mailbox.mailboxId)
  const row = await platform.db
    .selectFrom('mailboxes')
    .select('domain_id')
    .where('id', '=', mailbox.mailboxId)
    .executeTakeFirstOrThrow()
  if (folderId === null) throw new Error('the mailbox has no INBOX')
  return { kind: 'local', address: mailbox.address, owner: mailbox.owner, domainId: row.domain_id, folderId }
}
