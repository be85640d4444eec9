/** The states of a mailbox at a service elsewhere, and the moves between them. */

export const remoteStates = [
  /** Wanted; nothing was asked of the service. */
  'requested',
  /** We may have asked for it: the answer, or our note of it, is missing. */
  'creating',
  /** There; the service is not done with it. */
  'propagating',
  'ready',
  'suspended',
  /** Its deletion was asked for, or is to be. */
  'deleting',
  /** Gone, for some days restorably. */
  'deleted',
  /** Given up: only a new request tries again. */
  'failed',
] as const

export type RemoteState = (typeof remoteStates)[number]

/** From each state, where it may go. */
const remoteMoves: Readonly<Record<RemoteState, readonly RemoteState[]>> = {
  requested: ['creating', 'propagating', 'deleting', 'deleted', 'failed'],
  creating: ['propagating', 'deleting', 'deleted', 'failed'],
  propagating: ['ready', 'suspended', 'deleting', 'failed'],
  ready: ['suspended', 'deleting', 'deleted'],
  suspended: ['ready', 'deleting', 'deleted'],
  deleting: ['propagating', 'deleted', 'failed'],
  deleted: ['requested', 'propagating', 'failed'],
  failed: ['requested', 'propagating', 'deleting', 'deleted'],
}

export function mayMoveRemote(from: RemoteState, to: RemoteState): boolean {
  return remoteMoves[from].includes(to)
}

/** Whether something is expected of the service in this state, for which it has a limited time. */
export function isUnderWay(state: RemoteState): boolean {
  return state === 'requested' || state === 'creating' || state === 'propagating' || state === 'deleting'
}
