/** What the commands of the queue are called by, without the program behind them. */
import type { OutboundState } from '../../delivery/outbound/tables.ts'

export const queueStates = [
  'queued',
  'sending',
  'held',
  'delivered',
  'bounced',
  'cancelled',
] as const satisfies readonly OutboundState[]

export const queueActions = ['retry', 'hold', 'release', 'drop'] as const
export type QueueAction = (typeof queueActions)[number]
