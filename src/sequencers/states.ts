/** The words for how things stand, as lists. */
import type { RemoteStatus } from './driver.ts'
import type { ExportItemState, SequencerMailboxState } from './tables.ts'

export const sequencerMailboxStates = [
  'queued',
  'confirming',
  'connected',
  'disconnected',
  'failed',
  'missing',
  'inactive',
  'removing',
] as const satisfies readonly SequencerMailboxState[]

export const remoteStatuses = [
  'connected',
  'pending',
  'smtp_error',
  'imap_error',
  'auth_error',
  'paused',
  'suspended',
  'unknown',
] as const satisfies readonly RemoteStatus[]

export const exportItemStates = [
  'waiting',
  'done',
  'skipped',
  'failed',
] as const satisfies readonly ExportItemState[]
