/** The states of a request for a mailbox, and the moves between them. */

export const requestStates = ['pending', 'in_progress', 'completed', 'failed'] as const

export type RequestState = (typeof requestStates)[number]

/** From each state, where a request may go. A failed one may be tried again; a completed one is a mailbox. */
export const requestMoves: Readonly<Record<RequestState, readonly RequestState[]>> = {
  pending: ['in_progress', 'completed', 'failed'],
  in_progress: ['pending', 'completed', 'failed'],
  completed: [],
  failed: ['pending', 'in_progress'],
}

export function mayMoveRequest(from: RequestState, to: RequestState): boolean {
  return requestMoves[from].includes(to)
}
