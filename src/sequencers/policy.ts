/** How sequencers are worked with, how long they may take, and how much a workspace may ask for. */

const minute = 60_000

export const sequencerPolicy = {
  connectionsPerWorkspaceMax: 100,
  /** Mailboxes of one export, and of one call that takes mailboxes away. */
  mailboxesPerExportMax: 10_000,
  /** Exports of a workspace that have not ended. */
  runningExportsMax: 200,
  /** What has ended is forgotten after so long. */
  exportsKeptDays: 90,
  /** Then a run makes room for others, and comes again. */
  sliceMs: 45_000,
  /** Connections that one node works with at the same time. */
  slicesPerNodeMax: 16,
  /** After so long another job takes over those that come. */
  hostMs: 5 * minute,
  /** When a node has enough to do, or another is at the connection. */
  busyRetryMs: 3_000,
  addsAtOnce: 4,
  /** After a failure of a mailbox that may pass; each but the last is used once. */
  retryMs: [5_000, 15_000, minute, 5 * minute, 15 * minute, 60 * minute],
  /** A mailbox that failed so often in a row has failed. */
  attemptsMax: 8,
  /** After a failure that concerns all mailboxes of a connection. */
  connectionRetryMs: [30_000, 2 * minute, 10 * minute, 30 * minute, 60 * minute],
  /** After a refusal for want of room that does not say how long it lasts, and the most that is believed. */
  rateLimitPauseMs: minute,
  rateLimitPauseMsMax: 24 * 60 * minute,
  /** So many failures in a row that would pass, of different mailboxes, concern all of them. */
  failuresInRowMax: 5,
  /** What may have been added is looked for after this pause, and again until it would have shown itself. */
  uncertainPauseMs: 3_000,
  appearsMsMax: 30_000,
  /** Between two looks for what is pending: each pause is twice the one before. */
  confirmPauseMsMin: 5_000,
  confirmPauseMsMax: 2 * minute,
  /** More than so many that are pending are looked for in the whole list. */
  findsPerLookMax: 5,
  /** The whole list is read so often, and before anything is added to a connection that was not looked at for longer. */
  observeMs: 60 * minute,
  pagesMax: 5_000,
  /** Accounts that the list did not have, each asked for by itself, in one look. */
  lookUpsMax: 100,
  /** Changes of mailboxes are looked for back to this much before the last look: a commit may come late. */
  lateCommitMs: minute,
  /** Rows in one statement or transaction of the job that looks for changes. */
  rowsPerBatch: 500,
  rowsPerFile: 1_000,
} as const
