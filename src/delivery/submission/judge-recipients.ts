/** Whom a program's message is for: what each address is, whether the mailbox may write to it, and now. */

import { parseAddress } from '../../mailboxes/address.ts'
import { subject } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { type FieldProblem, Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import type { AskedRecipient } from '../inbound/arrival.ts'
import { admitRecipient } from '../limits/admit.ts'
import type { OutboundRecipient } from '../outbound/queue.ts'
import { isForHere, type LocalRecipient, resolveRecipient } from '../recipients.ts'
import type { ForwardRecipient, ForwardTarget } from '../routing/expand.ts'
import { sandboxRefusal } from '../senders.ts'
import { requireNotBlocked } from '../spam/recipient-lists.ts'

/** An address as it was given, and where (RFC 6901). */
export type NamedRecipient = { text: string; pointer: string }

export type Recipients = {
  local: LocalRecipient[]
  remote: OutboundRecipient[]
  forwards: ForwardTarget[]
  asked: AskedRecipient[]
  /** Of those elsewhere, by their address. */
  pointers: ReadonlyMap<string, string>
}

/**
 * Each once.
 * @throws Refusal recipient_blocked; recipient_refused that names every recipient that cannot be written to.
 */
export async function resolveRecipients(
  platform: Platform,
  mailbox: Mailbox,
  named: readonly NamedRecipient[],
): Promise<Recipients> {
  const local = new Map<string, LocalRecipient>()
  const remote = new Map<string, OutboundRecipient>()
  const forwards = new Map<string, ForwardTarget>()
  const asked = new Map<string, AskedRecipient>()
  const pointers = new Map<string, string>()
  const problems: FieldProblem[] = []
  const others: string[] = []
  for (const { text, pointer } of named) {
    const judged = await judge(platform, mailbox, text)
    if (judged.kind !== 'local' || judged.owner.mailboxId !== mailbox.id) others.push(...canonical(text))
    if (judged.kind === 'refused') {
      problems.push({ pointer, detail: judged.detail })
      continue
    }
    const isHere = isForHere(judged)
    asked.set(judged.address, { address: judged.address, notify: null, orcpt: null, isHere })
    if (judged.kind === 'local') local.set(judged.owner.mailboxId, judged)
    else if (judged.kind === 'forward') {
      for (const one of judged.local) local.set(one.owner.mailboxId, one)
      for (const target of judged.targets) forwards.set(target.address, target)
    } else {
      remote.set(judged.address, judged)
      if (!pointers.has(judged.address)) pointers.set(judged.address, pointer)
    }
  }
  await requireNotBlocked(platform, subject(mailbox), others)
  refuse('recipient_refused', problems)
  return {
    local: [...local.values()],
    remote: [...remote.values()],
    forwards: [...forwards.values()],
    asked: [...asked.values()],
    pointers,
  }
}

/**
 * Admits those elsewhere, under the limits of this moment.
 * @throws Refusal recipient_refused, sending_limit_reached that names every recipient that may not be written to, or not now.
 */
export async function admitRecipients(
  platform: Platform,
  mailbox: Mailbox,
  { remote, pointers }: Recipients,
): Promise<void> {
  const problems: FieldProblem[] = []
  let isTemporary = true
  for (const { address } of remote) {
    const refusal = await admitRecipient(platform, subject(mailbox), address)
    if (refusal === null) continue
    problems.push({ pointer: pointers.get(address) ?? '', detail: refusal.text })
    isTemporary &&= refusal.code < 500
  }
  refuse(isTemporary ? 'sending_limit_reached' : 'recipient_refused', problems)
}

function canonical(text: string): string[] {
  const address = parseAddress(text)
  return address.ok ? [address.value.address] : []
}

function refuse(
  code: 'recipient_refused' | 'sending_limit_reached',
  problems: readonly FieldProblem[],
): void {
  const [first] = problems
  if (first !== undefined) throw new Refusal(code, first.detail, { fields: problems })
}

type Judged =
  | LocalRecipient
  | ForwardRecipient
  | ({ kind: 'remote' } & OutboundRecipient)
  | { kind: 'refused'; detail: string }

async function judge(platform: Platform, mailbox: Mailbox, text: string): Promise<Judged> {
  const address = parseAddress(text)
  const refused = (detail: string): Judged => ({ kind: 'refused', detail })
  if (!address.ok) return refused(`"${text}" ${address.problem}.`)
  const recipient = await resolveRecipient(platform, address.value.address)
  switch (recipient.kind) {
    case 'local':
      return recipient
    case 'forward':
      return recipient.bouncesOnly ? refused('The address takes reports of failed delivery only.') : recipient
    case 'remote': {
      const refusal = sandboxRefusal(mailbox.address)
      return refusal === null ? { ...recipient, notify: null, orcpt: null } : refused(refusal.text)
    }
    case 'invalid':
      return refused(`"${text}" ${recipient.problem}.`)
    case 'report':
      return refused(`${address.value.address} takes reports of other mail servers only.`)
    case 'unknown':
      return refused(`There is no ${address.value.address} here.`)
    case 'unavailable':
      return refused(`${address.value.address} takes no mail now.`)
    case 'disabled':
      return refused(`${address.value.address} takes no mail.`)
    case 'full':
    case 'too-large':
      return refused(`${address.value.address} has no room for it.`)
  }
}
