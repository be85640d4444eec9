/** The job that answers: a sender once in so many days, whatever becomes of the job in between. */
import { sql } from 'kysely'
import MimeNode from 'nodemailer/lib/mime-node'
import { isServed } from '../../mailboxes/lifecycle.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { goByThemselves, type SendingMode } from '../approvals/sending-mode.ts'
import { sendGenerated } from '../outbound/generated.ts'
import { ownsSender } from '../senders.ts'
import type { AutoreplyRequest } from './autoreply.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'routing.prune': Record<string, never>
  }
}

/** Thrown to take back what another job has sent in the meantime. */
class AlreadyAnswered extends Error {}

export async function sendAutoreply(platform: Platform, request: AutoreplyRequest): Promise<void> {
  if (await wasAnswered(platform, request)) return
  const mailbox = await platform.db
    .selectFrom('mailboxes')
    .select(['address', 'display_name', 'state'])
    .where('id', '=', request.mailbox_id)
    .executeTakeFirst()
  if (!mailbox || !isServed(mailbox.state)) return
  const owner = {
    organizationId: request.organization_id,
    workspaceId: request.workspace_id,
    mailboxId: request.mailbox_id,
  }
  const { mode, allowed } = await goByThemselves(platform, owner, [request.to])
  if (!allowed.has(request.to)) return await tellWithheld(platform, owner, request.to, mode)
  // A filter may name another of the mailbox's addresses, and no others.
  const mayUse = request.from !== null && (await ownsSender(platform, owner, request.from))
  const from = mayUse && request.from !== null ? request.from : mailbox.address
  const domain = from.slice(from.lastIndexOf('@') + 1)
  const raw = await buildAutoreply(
    request,
    { name: mailbox.display_name ?? '', address: from },
    platform.clock.now(),
  )
  const message = {
    owner,
    kind: 'notification' as const,
    mailFrom: '',
    to: [request.to],
    raw,
    signingDomain: domain,
  }
  try {
    await sendGenerated(platform, message, async (tx) => {
      await noteAnswered(platform, tx, request)
      const data = { mailbox_id: request.mailbox_id, to: request.to }
      await appendEvents(platform, tx, [{ type: 'autoreply.sent', ...owner, data }])
    })
  } catch (error) {
    if (!(error instanceof AlreadyAnswered)) throw error
  }
}

/** Not noted as answered: should the mode change, the next message is. */
async function tellWithheld(
  platform: Platform,
  owner: MailboxOwner,
  to: string,
  mode: SendingMode,
): Promise<void> {
  const data = { mailbox_id: owner.mailboxId, to, sending_mode: mode }
  await transaction(platform.db, (tx) =>
    appendEvents(platform, tx, [{ type: 'autoreply.withheld', ...owner, data }]),
  )
}

async function buildAutoreply(
  request: AutoreplyRequest,
  from: { name: string; address: string },
  now: Date,
): Promise<Buffer> {
  const domain = from.address.slice(from.address.lastIndexOf('@') + 1)
  const root = new MimeNode(request.is_mime ? 'multipart/mixed' : 'text/plain; charset=utf-8', {
    newline: '\r\n',
  })
  root.setHeader('From', from)
  root.setHeader('To', { name: '', address: request.to })
  root.setHeader('Subject', request.subject.replace(/[\r\n]+/g, ' '))
  root.setHeader('Date', now.toUTCString().replace('GMT', '+0000'))
  root.setHeader('Message-ID', `<${newId()}@${domain}>`)
  root.setHeader('Auto-Submitted', 'auto-replied') // RFC 3834 §5.1, RFC 5230 §4.6
  if (request.in_reply_to !== null) root.setHeader('In-Reply-To', `<${request.in_reply_to}>`)
  if (request.references.length > 0)
    root.setHeader('References', request.references.map((id) => `<${id}>`).join(' '))
  if (request.is_mime) root.createChild().setRaw(request.text.replace(/\r?\n/g, '\r\n'))
  else root.setContent(request.text)
  return await root.build()
}

async function wasAnswered(
  platform: Platform,
  { mailbox_id, handle, to }: AutoreplyRequest,
): Promise<boolean> {
  const row = await platform.db
    .selectFrom('autoreply_sent')
    .select('forget_at')
    .where('mailbox_id', '=', mailbox_id)
    .where('handle', '=', handle)
    .where('sender', '=', to)
    .executeTakeFirst()
  return row !== undefined && row.forget_at > platform.clock.now()
}

async function noteAnswered(platform: Platform, tx: Tx, request: AutoreplyRequest): Promise<void> {
  const now = platform.clock.now()
  const forgetAt = new Date(now.getTime() + request.days * 24 * 3600 * 1000)
  const { numAffectedRows } = await sql`
    insert into autoreply_sent (mailbox_id, handle, sender, forget_at)
    values (${request.mailbox_id}::uuid, ${request.handle}, ${request.to}, ${forgetAt})
    on conflict (mailbox_id, handle, sender) do update set forget_at = excluded.forget_at
      where autoreply_sent.forget_at <= ${now}`.execute(tx)
  if (numAffectedRows === 0n) throw new AlreadyAnswered()
}

const prunedPerRun = 5000

/** Forgets old answers, and the rules of mailboxes that are gone. @returns how many rows went. */
export async function pruneRouting(platform: Platform): Promise<number> {
  const forgotten = await sql`
    delete from autoreply_sent where ctid in (
      select ctid from autoreply_sent where forget_at < ${platform.clock.now()} limit ${prunedPerRun}
    )`.execute(platform.db)
  let total = Number(forgotten.numAffectedRows ?? 0)
  for (const table of ['sieve_scripts', 'autoreplies', 'mailbox_forwards'] as const) {
    const gone = await sql`
      delete from ${sql.table(table)} as gone using mailboxes
      where mailboxes.id = gone.mailbox_id and mailboxes.state = 'deleted'`.execute(platform.db)
    total += Number(gone.numAffectedRows ?? 0)
  }
  return total
}
