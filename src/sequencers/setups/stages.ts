/** How far a domain of a setup is: told by what there is, never kept beside it. */
import type { DomainState } from '../../domains/lifecycle.ts'
import type { MailboxState } from '../../mailboxes/lifecycle.ts'

export const setupStages = [
  'waiting_for_payment',
  'registering',
  'waiting_for_dns',
  'creating_mailboxes',
  'exporting',
  'completed',
  'failed',
] as const
export type SetupStage = (typeof setupStages)[number]

export type StageFacts = {
  domain: DomainState
  mailboxes: readonly MailboxState[]
  /** Whether its mailboxes are to be exported. */
  exports: boolean
  /** Whether the exports were made, or could not be. */
  isSettled: boolean
  /** Of the exports that were made: whether one runs, and whether one was given up. */
  isExporting: boolean
  hasFailedExport: boolean
}

const byDomain: Readonly<Partial<Record<DomainState, SetupStage>>> = {
  pending_payment: 'waiting_for_payment',
  registering: 'registering',
  pending_nameservers: 'waiting_for_dns',
  pending_records: 'waiting_for_dns',
  failed: 'failed',
  deleted: 'failed',
  deletion_scheduled: 'failed',
}

const unfinished: ReadonlySet<MailboxState> = new Set(['waiting_payment', 'waiting_domain', 'provisioning'])

export function stageOf({
  domain,
  mailboxes,
  exports,
  isSettled,
  isExporting,
  hasFailedExport,
}: StageFacts): SetupStage {
  const early = byDomain[domain]
  if (early !== undefined) return early
  if (mailboxes.some((state) => unfinished.has(state))) return 'creating_mailboxes'
  if (mailboxes.length > 0 && mailboxes.every((state) => state === 'failed')) return 'failed'
  if (!exports) return 'completed'
  if (!isSettled || isExporting) return 'exporting'
  return hasFailedExport ? 'failed' : 'completed'
}

/** Whether nothing is left to begin for it but its export. */
export function isReadyToExport(stage: SetupStage): boolean {
  return stage === 'exporting' || stage === 'completed' || stage === 'failed'
}
