/** Taking in reports: a bounce that came late, or a complaint, becomes part of what is known of the recipient it names. */
import { sql } from 'kysely'
import { readBodyBytes } from '../../messages/bodies.ts'
import { releaseBodies } from '../../messages/sweep.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import type { JobTypes } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { reviewAfterOutcomes } from '../limits/review.ts'
import type { OutboundStep, StepDetail } from '../outbound/tables.ts'
import { type Classified, classifyReply } from './classify.ts'
import { findSent, isNamed, type SentRecipient } from './match-report.ts'
import { type ParsedArf, parseArf } from './parse-arf.ts'
import { type ParsedDsn, parseDsn, type ReportedRecipient } from './parse-dsn.ts'
import { parseOldBounce } from './parse-old-bounce.ts'
import { readReport, reportBytesMax } from './report-parts.ts'
import { suppressAfterBounce, suppressAfterComplaint } from './suppress.ts'

/** Reads a report that came to a mailbox, and notes what it says of mail that the mailbox's workspace sent. */
export async function takeInReport(platform: Platform, job: JobTypes['bounces.take_in']): Promise<void> {
  const mailbox = await platform.db
    .selectFrom('mailboxes')
    .select('workspace_id')
    .where('id', '=', job.mailbox_id)
    .executeTakeFirst()
  const raw = await readBodyBytes(platform.db, job.body_id, { start: 0, end: reportBytesMax })
  const report = readReport(raw)
  await transaction(platform.db, async (tx) => {
    if (mailbox && job.kind === 'arf') await takeInArf(platform, tx, mailbox.workspace_id, parseArf(report))
    if (mailbox && job.kind === 'dsn') {
      await takeInDsn(platform, tx, mailbox.workspace_id, parseDsn(report) ?? parseOldBounce(report))
    }
    await releaseBodies([job.holder_id], platform.clock.now()).execute(tx)
  })
}

async function takeInDsn(
  platform: Platform,
  tx: Tx,
  workspaceId: string,
  dsn: ParsedDsn | null,
): Promise<void> {
  if (dsn === null) return
  const named = { messageId: dsn.original?.messageId ?? null, envid: dsn.envid }
  const addresses = dsn.recipients.flatMap((reported) => reported.addresses)
  for (const sent of await findSent(tx, workspaceId, named, addresses, platform.clock.now())) {
    const reported = dsn.recipients.find((one) => isNamed(sent, one.addresses))
    if (reported) await noteReported(platform, tx, sent, reported)
  }
}

async function noteReported(
  platform: Platform,
  tx: Tx,
  sent: SentRecipient,
  reported: ReportedRecipient,
): Promise<void> {
  const { action, remoteMta } = reported
  const reply = reported.diagnostic ?? reported.status ?? ''
  const detail = {
    reason: action,
    ...(reply === '' ? {} : { reply }),
    ...(remoteMta === null ? {} : { host: remoteMta }),
  }
  if (action !== 'failed') {
    await addStep(platform, tx, sent.id, 'reported', detail)
    return
  }
  const classified = classifyReported(reported)
  const isNew = await addStep(platform, tx, sent.id, 'reported', { ...detail, class: classified.class })
  if (!isNew) return
  await appendEvents(platform, tx, [
    {
      type: 'message.bounced',
      ...ownerOf(sent),
      data: { ...recipientOf(sent), reply, class: classified.class },
    },
  ])
  await suppressAfterBounce(platform, tx, [{ ...classified, recipientId: sent.id, reply }])
}

const replyPattern = /^(?:\S+ said: )?(\d{3})[ -](?:#?([245]\.\d{1,3}\.\d{1,3})\b)?\s*([\s\S]*)$/

/** The class of what another server answered to the one that reports. That one has given up, so that it is permanent. */
export function classifyReported({ diagnostic, status }: ReportedRecipient): Classified {
  const [, code, enhanced, text] = replyPattern.exec(diagnostic ?? '') ?? []
  const isExpired = /^[45]\.4\.7$/.test(status ?? '')
  if (isExpired) return { class: 'expired', isPermanent: true, concerns: 'destination' }
  const classified = classifyReply({
    code: Number(code ?? (status?.startsWith('4') ? 450 : 550)),
    enhanced: enhanced ?? status,
    text: text ?? diagnostic ?? '',
    stage: 'message',
  })
  return { ...classified, isPermanent: true }
}

async function takeInArf(
  platform: Platform,
  tx: Tx,
  workspaceId: string,
  arf: ParsedArf | null,
): Promise<void> {
  if (arf === null || !arf.isComplaint) return
  const named = { messageId: arf.original?.messageId ?? null, envid: null }
  const addresses = arf.addresses.length === 0 ? null : arf.addresses
  for (const sent of await findSent(tx, workspaceId, named, addresses, platform.clock.now())) {
    const reason = `${arf.feedbackType}${arf.reporter === null ? '' : ` by ${arf.reporter}`}`
    if (!(await addStep(platform, tx, sent.id, 'complained', { reason }))) continue
    await appendEvents(platform, tx, [
      { type: 'message.complained', ...ownerOf(sent), data: recipientOf(sent) },
    ])
    await suppressAfterComplaint(platform, tx, sent.id, reason)
    await reviewAfterOutcomes(tx, [sent.mailbox_id])
  }
}

/** @returns false when the same was reported before. The recipient's row is locked, so that two reports do not both see nothing. */
async function addStep(
  platform: Platform,
  tx: Tx,
  recipientId: string,
  step: OutboundStep,
  detail: StepDetail,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into outbound_steps (outbound_recipient_id, id, step, at, detail)
    select ${recipientId}::uuid, ${newId()}::uuid, ${step}::text, ${platform.clock.now()}::timestamptz,
      ${JSON.stringify(detail)}::jsonb
    where not exists (
      select from outbound_steps where outbound_recipient_id = ${recipientId}::uuid and step = ${step}
        and (${step} <> 'reported' or detail ->> 'reason' = ${detail.reason ?? ''})
    )`.execute(tx)
  return Number(numAffectedRows ?? 0) > 0
}

function ownerOf(sent: SentRecipient) {
  return {
    organizationId: sent.organization_id,
    workspaceId: sent.workspace_id,
    mailboxId: sent.mailbox_id,
  }
}

function recipientOf(sent: SentRecipient) {
  return {
    outbound_message_id: sent.outbound_message_id,
    outbound_recipient_id: sent.id,
    rcpt_to: sent.rcpt_to,
  }
}
