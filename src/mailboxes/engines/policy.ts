/** How services elsewhere are asked, and how long they may take. */

export const enginePolicy = {
  connectionsPerWorkspaceMax: 20,
  /** Of one request, to its last byte. */
  requestMsMax: 20_000,
  replyBytesMax: 8 * 1024 ** 2,
  /** Mailboxes of one connection that are worked on at the same time, over all nodes. */
  runsPerConnection: 2,
  /** Then a job makes room for others, and comes again. */
  mailboxesPerJob: 10,
  /** A run that has not ended by then was on a node that is gone. */
  claimMs: 5 * 60_000,
  /** Between two looks whether something is there: each pause is twice the one before. */
  pauseMsMin: 2_000,
  pauseMsMax: 60_000,
  /** A connection that does not work, or is asked too often, is left alone: each time for twice as long. */
  connectionPauseMsMin: 5_000,
  connectionPauseMsMax: 3_600_000,
  /** What has not come about by then is told. Both services: minutes are usual. */
  alarmAfterMs: 30 * 60_000,
  /** What has not come about by then has failed. Both services: a day at the worst. */
  failAfterMs: 24 * 3_600_000,
  /** Pages of users that a daily look reads at most, and users that it looks up one by one. */
  pagesMax: 2_000,
  lookUpsMax: 500,
} as const
