/** Which of our events change a status in this API's words. */
import { domainStates } from '../../domains/lifecycle.ts'
import { type MailboxState, mailboxStates } from '../../mailboxes/lifecycle.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import type { LoggedEvent } from '../../platform/event-log.ts'
import { member } from '../../platform/json-members.ts'
import { statusByState } from './domain-status.ts'
import { statusOf } from './mailbox-states.ts'

export const statusEventTypes = ['domain.status_changed', 'mailbox.status_changed'] as const

const sources = {
  'domain.status_changed': ['domain.created', 'domain.state_changed'],
  'mailbox.status_changed': [
    'mailbox.created',
    'mailbox.state_changed',
    'mailbox.cancellation_scheduled',
    'mailbox.cancellation_withdrawn',
    'mailbox.purged',
  ],
} as const satisfies Record<(typeof statusEventTypes)[number], readonly string[]>

export function sourcesOf(type: string): readonly string[] {
  return Object.entries(sources).find(([name]) => name === type)?.[1] ?? []
}

export type StatusChange = { status: string; previous: string | null }

/** @returns the ids that events name: of the domains, and of the mailboxes. */
export function subjectsOf(events: readonly LoggedEvent[]): { domainIds: string[]; mailboxIds: string[] } {
  const ids = (types: readonly string[], name: string): string[] => [
    ...new Set(
      events.flatMap(({ type, data }) => {
        const id = types.includes(type) ? member(data, name) : undefined
        return typeof id === 'string' ? id : []
      }),
    ),
  ]
  return {
    domainIds: ids(sources['domain.status_changed'], 'domain_id'),
    mailboxIds: ids(sources['mailbox.status_changed'], 'mailbox_id'),
  }
}

/** @returns null where the status stays what it is in this API's words. */
export function domainChange({ type, data }: LoggedEvent): StatusChange | null {
  const isNew = type === 'domain.created'
  const to = stateIn(data, isNew ? 'state' : 'to', domainStates)
  const from = isNew ? null : stateIn(data, 'from', domainStates)
  if (to === null) return null
  return changed(statusByState[to], from && statusByState[from])
}

/** The same. @param mailbox as it is now: whether it was to be cancelled then is not told by a change of its state. */
export function mailboxChange(
  { type, data }: LoggedEvent,
  mailbox: Pick<Mailbox, 'state' | 'cancel_at_period_end' | 'payment_suspension'>,
): StatusChange | null {
  const status = (state: MailboxState, isCanceled = mailbox.cancel_at_period_end): string =>
    statusOf({ ...mailbox, cancel_at_period_end: isCanceled, state })
  // One that is suspended is shown so, cancelled or not.
  const isSuspended = mailbox.state === 'suspended'
  switch (type) {
    case 'mailbox.created': {
      const state = stateIn(data, 'state', mailboxStates)
      return state && changed(status(state, false), null)
    }
    case 'mailbox.state_changed': {
      const [from, to] = [stateIn(data, 'from', mailboxStates), stateIn(data, 'to', mailboxStates)]
      return from && to && changed(status(to), status(from))
    }
    case 'mailbox.cancellation_scheduled':
      return isSuspended ? null : changed(status('active', true), status('active', false))
    case 'mailbox.cancellation_withdrawn':
      return isSuspended ? null : changed(status('active', false), status('active', true))
    case 'mailbox.purged':
      return changed(status('deleted'), status('deletion_scheduled'))
    default:
      return null
  }
}

function changed(status: string, previous: string | null): StatusChange | null {
  return status === previous ? null : { status, previous }
}

function stateIn<State extends string>(data: unknown, name: string, states: readonly State[]): State | null {
  const value = member(data, name)
  return states.find((state) => state === value) ?? null
}
