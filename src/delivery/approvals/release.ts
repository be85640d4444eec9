/** What an approved message becomes: judged and routed as if it were sent now, under the rules of this moment. */

import { subject } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { decodeHeaderText } from '../../messages/mime/encoded-words.ts'
import { Refusal } from '../../platform/errors.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Delivery } from '../commit-lane.ts'
import type { Arrival } from '../inbound/arrival.ts'
import { headerFieldsOf } from '../inbound/arrival-fields.ts'
import { decideForOwn, ownOutbound, planDelivery, sentBy } from '../inbound/plan.ts'
import { spooledBytes } from '../inbound/spool.ts'
import { refuseAuthors, signingDomainOf } from '../inbound/submission.ts'
import type { NewSchedule } from '../scheduled/schedule.ts'
import { ownsSender } from '../senders.ts'
import { admitRecipients, type Recipients, resolveRecipients } from '../submission/judge-recipients.ts'
import { requireServed, scheduledDelivery, stageRaw } from '../submission/submit.ts'
import type { Approval } from './find.ts'
import { addresseesOf } from './held-message.ts'
import { sendingNotAllowed, sendingPolicyOf } from './sending-mode.ts'
import type { HeldRecipient } from './tables.ts'

export type Release = {
  /** Leading bytes that are for readers here only. */
  leading: Buffer
  /** Everything behind them. */
  message: Buffer
  recipients: readonly HeldRecipient[]
}

export type Released = {
  delivery: Delivery
  /** Of a message whose time is not yet: the delivery is then that of the copy in Sent alone. */
  schedule: NewSchedule | null
}

/**
 * @throws Refusal mailbox_state_conflict, sending_not_allowed, recipient_refused, sending_limit_reached,
 *   payload_too_large: what a message that is sent now would be refused with.
 */
export async function prepareRelease(
  platform: Platform,
  mailbox: Mailbox,
  approval: Approval,
  { leading, message, recipients: wanted }: Release,
): Promise<Released> {
  await requireServed(platform.db, mailbox)
  const owner = subject(mailbox)
  const { sending_mode: mode } = await sendingPolicyOf(platform, owner)
  if (mode === 'read_only') throw sendingNotAllowed()
  if (leading.length + message.length > platform.config.messageBytesMax)
    throw new Refusal('payload_too_large')
  const named = wanted.map(({ address }, index) => ({ text: address, pointer: `/recipients/${index}` }))
  const recipients = await resolveRecipients(platform, mailbox, named)
  const arrival = arrivalOf(platform, mailbox, approval, message, {
    ...recipients,
    ...askedAs(wanted, recipients),
  })
  await requireAuthor(platform, mailbox, arrival)
  if (arrival.notBefore !== null && approval.source === 'api') {
    return await putOff(platform, approval, Buffer.concat([leading, message]), recipients, arrival.notBefore)
  }
  if (arrival.notBefore !== null) requireElsewhere(recipients)
  await admitRecipients(platform, mailbox, recipients)
  const decisions = await decideForOwn(platform, arrival)
  const body = await stageRaw(platform, Buffer.concat([leading, message]))
  const signingDomain = signingDomainOf(headerFieldsOf(arrival.message), arrival.mailFrom)
  const own = ownOutbound(arrival, { owner, kind: 'submission', signingDomain }, body)
  const planned = planDelivery(arrival, { body, decisions, localBytes: leading.length, own })
  // The approval keeps what went, too.
  const delivery = {
    ...planned,
    holders: [...planned.holders, approval.id],
    sentBy: sentBy(arrival, owner),
    ...answersOf(approval),
  }
  return { delivery, schedule: null }
}

/**
 * A mail program's message that is held for later waits in the queue, with everything that the program said of it
 * (RFC 4865 §4). Nothing there waits for mailboxes here, which the program could not name either.
 */
function requireElsewhere({ local, forwards }: Recipients): void {
  if (local.length === 0 && forwards.length === 0) return
  throw new Refusal(
    'recipient_refused',
    'A message that is held for later cannot go to a mailbox here: approve it when its time has come.',
  )
}

/** Its time is not yet: until then it waits like any other that is scheduled. */
async function putOff(
  platform: Platform,
  approval: Approval,
  whole: Buffer,
  { asked }: Recipients,
  sendAt: Date,
): Promise<Released> {
  const body = await stageRaw(platform, whole)
  const { envelope, messageId } = body.parsed
  const schedule = {
    id: newId(),
    bodyId: body.id,
    headerMessageId: messageId?.replace(/^<|>$/g, '') ?? '',
    envelope: {
      ...addresseesOf(
        envelope,
        asked.map(({ address }) => address),
      ),
      ...answersOf(approval),
    },
    subject: decodeHeaderText(envelope.subject ?? ''),
    sendAt,
    isApproved: true,
  }
  const delivery = scheduledDelivery(body, platform.clock.now(), schedule)
  return { delivery: { ...delivery, holders: [...delivery.holders, approval.id] }, schedule }
}

function answersOf({ envelope: { answers } }: Approval): Pick<Delivery, 'answers'> {
  return answers === undefined ? {} : { answers }
}

/** With what the sender asked to be told of (RFC 3461). */
function askedAs(
  wanted: readonly HeldRecipient[],
  { asked, remote }: Pick<Required<Arrival>, 'asked' | 'remote'>,
): Pick<Required<Arrival>, 'asked' | 'remote'> {
  const said = new Map(wanted.map((one) => [one.address, one]))
  const told = <T extends HeldRecipient>(one: T): T => {
    const { notify = null, orcpt = null } = said.get(one.address) ?? {}
    return { ...one, notify, orcpt }
  }
  return { asked: asked.map(told), remote: remote.map(told) }
}

/** An alias that it was sent by may be another's by now. */
async function requireAuthor(platform: Platform, mailbox: Mailbox, arrival: Arrival): Promise<void> {
  const owner = subject(mailbox)
  const isOwn = await ownsSender(platform, owner, arrival.mailFrom)
  const refused = await refuseAuthors(platform, owner, arrival, headerFieldsOf(arrival.message))
  if (isOwn && refused === null) return
  throw new Refusal(
    'mailbox_state_conflict',
    refused?.text ?? `${mailbox.address} may not send as ${arrival.mailFrom} any more.`,
  )
}

function arrivalOf(
  platform: Platform,
  mailbox: Mailbox,
  { mail_from: mailFrom, envelope }: Approval,
  raw: Buffer,
  recipients: Pick<Required<Arrival>, 'asked' | 'local' | 'remote' | 'forwards'>,
): Arrival {
  const now = platform.clock.now()
  const notBefore = envelope.notBefore === null ? null : new Date(envelope.notBefore)
  const message = spooledBytes(raw)
  const { asked, local, remote, forwards } = recipients
  return {
    id: newId(),
    at: now,
    role: 'submission',
    helo: platform.config.hostname,
    remoteAddress: '127.0.0.1',
    protocol: 'HTTP',
    tls: false,
    mailFrom,
    smtputf8: [mailFrom, ...asked.map(({ address }) => address), message.header.toString('latin1')].some(
      (text) => /[^\x20-\x7e\r\n\t]/.test(text),
    ),
    ret: envelope.ret,
    envid: envelope.envid,
    requireTls: envelope.requireTls,
    notBefore: notBefore !== null && notBefore > now ? notBefore : null,
    login: subject(mailbox),
    asked,
    local,
    remote,
    forwards,
    message,
  }
}
