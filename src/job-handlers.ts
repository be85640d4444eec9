/** Every job of the core with what it does, and when those run that nobody asks for. */

import { deleteOldInvitations } from './accounts/invitations.ts'
import { deleteOldGuards } from './accounts/login-guard-rows.ts'
import { deleteOldSessions } from './accounts/sessions.ts'
import { numberInvoices } from './billing/invoices/numbers.ts'
import { advanceTopUp } from './billing/payments/advance.ts'
import { topUpIfLow, topUpLowWallets } from './billing/payments/auto-top-up.ts'
import { syncCards } from './billing/payments/cards.ts'
import { handleEvent } from './billing/payments/inbox.ts'
import {
  deleteOldEvents as deleteOldPaymentEvents,
  reconcilePayments,
  takeInMissedEvents,
} from './billing/payments/reconcile.ts'
import { advanceRefund } from './billing/payments/refunds.ts'
import { renewSubscriptions } from './billing/subscriptions/renew.ts'
import { settleSubscription } from './billing/subscriptions/settle.ts'
import { deleteOldApprovals, expireApprovals } from './delivery/approvals/end.ts'
import { notifySender } from './delivery/bounces/notify.ts'
import { deleteExpiredSuppressions } from './delivery/bounces/suppressions.ts'
import { takeInReport } from './delivery/bounces/take-in.ts'
import { forgetGoneDrafts } from './delivery/drafts/send-draft.ts'
import { deleteOldCounters, forgetPurgedSenders } from './delivery/limits/clean-up.ts'
import { settleSending } from './delivery/limits/pause.ts'
import { reviewAll, reviewSender } from './delivery/limits/review.ts'
import { forgetSentRecipients } from './delivery/limits/sent-recipients.ts'
import { forgetGoneTrackings } from './delivery/open-tracking/open-tracking.ts'
import { expireOutbound } from './delivery/outbound/expire.ts'
import { takeInReport as takeInDomainReport } from './delivery/reports/intake.ts'
import { planReports, sendReport } from './delivery/reports/send.ts'
import { deleteOldReports } from './delivery/reports/store.ts'
import { pruneRouting, sendAutoreply } from './delivery/routing/autoreply-send.ts'
import { sendDue } from './delivery/scheduled/send-due.ts'
import { deleteOrphanedSenderLists } from './delivery/spam/clean-up.ts'
import { forgetLessons } from './delivery/spam/forgetting.ts'
import { deleteOldTriplets } from './delivery/spam/greylist.ts'
import { learnFromChange } from './delivery/spam/training.ts'
import { mailCode, mailInvitation } from './delivery/submission/signup-mail.ts'
import { reconcileCertificates } from './domains/certificates/reconcile.ts'
import { checkDueDomains } from './domains/checks/due.ts'
import { addMissingDkimKeys, makeDkimKeys } from './domains/dkim-keys.ts'
import { rotateDueKeys, startRotation } from './domains/dkim-rotation.ts'
import { forgetDnsHosts } from './domains/dns-hosts/connections.ts'
import { reconcileAndRetry } from './domains/dns-hosts/reconcile.ts'
import { endMtaStsWithdrawals } from './domains/mta-sts.ts'
import { advanceOrder, resumeOrders } from './domains/orders/advance.ts'
import { deleteOldQuotes } from './domains/orders/quotes.ts'
import { settleOrders } from './domains/orders/settle-payment.ts'
import { endUnpaidOrders } from './domains/orders/unpaid.ts'
import { setNameservers } from './domains/registrations.ts'
import { expireRegistrations, observeRegistrations, renewDueRegistrations } from './domains/renewals.ts'
import { makeDnssecKey } from './domains/zones/dnssec/keys.ts'
import { renewSignedZones } from './domains/zones/dnssec/renew.ts'
import { expireAliases } from './mailboxes/aliases.ts'
import { tellExpiredAppPasswords } from './mailboxes/app-password-expiry.ts'
import { activateWaitingMailboxes, addActivation, lookHooks } from './mailboxes/domain-activation.ts'
import {
  deleteMailboxesOf,
  removeDueDomains,
  removeUnpaid,
  restoreMailboxesOf,
} from './mailboxes/domain-removal.ts'
import { endLogins } from './mailboxes/domain-suspension.ts'
import { reconcileDue } from './mailboxes/engines/due.ts'
import { observeAll, observeConnection } from './mailboxes/engines/observe.ts'
import { reconcileConnection } from './mailboxes/engines/reconcile.ts'
import { dueAmounts } from './mailboxes/payment/due-amount.ts'
import { lookAtUnpaid } from './mailboxes/payment/dunning.ts'
import { announceRenewals } from './mailboxes/payment/notices.ts'
import { settleMailboxes } from './mailboxes/payment/settle.ts'
import { failUnpaidWaits } from './mailboxes/payment/waiting.ts'
import { beginMissingPeriods, endDuePeriods } from './mailboxes/period-ends.ts'
import { fetchPictureOf } from './mailboxes/pictures-from-urls.ts'
import { purgeDueMailboxes, purgeMailbox } from './mailboxes/purge.ts'
import { forgetFailedMailboxes, makeDueMailboxes } from './mailboxes/scheduled/make-due.ts'
import { expireSignups } from './mailboxes/signups/end.ts'
import { expireDeletedMessages } from './messages/deleted-messages.ts'
import { forgetSummaries } from './messages/forget-summaries.ts'
import { resumeImports } from './messages/imports/clean-up.ts'
import { runImport } from './messages/imports/run.ts'
import { expireRetrieved } from './messages/maildrop/maildrop-expiry.ts'
import { deleteEndedMaildropLocks } from './messages/maildrop/maildrop-locks.ts'
import { cleanUpDueFolders, replanWorkspace } from './messages/retention.ts'
import { indexFolder, scheduleIndexing } from './messages/search/search-index-jobs.ts'
import { sweepBodies } from './messages/sweep.ts'
import { pruneFolderTombstones, pruneOldTombstones } from './messages/tombstones.ts'
import { deleteOldAudit, deleteOldEvents } from './platform/events.ts'
import { deleteOldIdempotencyKeys } from './platform/idempotency.ts'
import type { JobHandlers, JobSchedule } from './platform/jobs.ts'
import type { Platform } from './platform/platform.ts'
import { deleteOldExports, findChanges } from './sequencers/changes.ts'
import { reconcileSequencer } from './sequencers/runner.ts'
import { advanceSetups } from './sequencers/setups/advance.ts'
import { cleanUpWebhooks, forgetDeliveries, settleQueue } from './webhooks/clean-up.ts'
import { runReplay } from './webhooks/replay.ts'

declare module './platform/jobs.ts' {
  interface JobTypes {
    'platform.clean_up': Record<string, never>
  }
}

// Each batch is of hundreds or thousands; what is left over waits for the next time.
const batchesMax = 100

/** Does batches until one finds nothing. */
async function repeat(batch: (platform: Platform) => Promise<number>, platform: Platform): Promise<void> {
  for (let done = 0; done < batchesMax && (await batch(platform)) > 0; done++);
}

export const jobHandlers: JobHandlers = {
  // A plan's slots first: they pay for mailboxes.
  'billing.settle': async (platform, { workspace_id: workspaceId }) => {
    await settleSubscription(platform, workspaceId)
    await settleMailboxes(platform, workspaceId)
    await settleOrders(platform, workspaceId)
  },
  'subscriptions.renew': (platform) => renewSubscriptions(platform),
  'billing.number_invoices': (platform) => repeat(numberInvoices, platform),
  'payments.advance': async (platform, payload) => void (await advanceTopUp(platform, payload.top_up_id)),
  'payments.auto_top_up': (platform, payload) => topUpIfLow(platform, payload.workspace_id, dueAmounts),
  'payments.sync_cards': (platform, payload) => syncCards(platform, payload.workspace_id),
  'payments.refund': (platform, payload) => advanceRefund(platform, payload.refund_id),
  'payments.handle_event': (platform, payload) => handleEvent(platform, payload.event_id),
  'payments.reconcile': async (platform) => {
    await reconcilePayments(platform)
    await topUpLowWallets(platform)
  },
  'payments.missed_events': (platform) => takeInMissedEvents(platform),
  'payments.clean_up': (platform) => repeat(deleteOldPaymentEvents, platform),
  'certificates.reconcile': (platform) => reconcileCertificates(platform),
  'dns_hosts.reconcile': async (platform, payload) =>
    void (await reconcileAndRetry(platform, payload.domain_id)),
  'domains.make_dkim_keys': (platform, payload) => makeDkimKeys(platform, payload.domain_id),
  'domains.make_missing_dkim_keys': (platform) => addMissingDkimKeys(platform),
  'domains.renew_signed_zones': (platform) => repeat(renewSignedZones, platform),
  'domains.make_dnssec_key': (platform, payload) => makeDnssecKey(platform, payload.domain_id),
  'domains.end_mta_sts': (platform) => repeat(endMtaStsWithdrawals, platform),
  'domains.rotate_dkim_keys': (platform, payload) => startRotation(platform, payload.domain_id),
  'domains.rotate_due_dkim_keys': (platform) => rotateDueKeys(platform),
  'domains.check_due': async (platform) => void (await checkDueDomains(platform, lookHooks)),
  'domains.end_logins': (platform, payload) => endLogins(platform, payload.domain_id),
  'domains.delete_mailboxes': (platform, payload) => deleteMailboxesOf(platform, payload.domain_id),
  'domains.restore_mailboxes': (platform, payload) => restoreMailboxesOf(platform, payload.domain_id),
  'domains.remove_due': async (platform) => {
    await removeDueDomains(platform)
    await forgetDnsHosts(platform)
  },
  'orders.advance': (platform, payload) => advanceOrder(platform, payload.order_id, addActivation),
  'orders.resume': async (platform) => {
    await endUnpaidOrders(platform, removeUnpaid)
    await resumeOrders(platform)
  },
  'orders.clean_up': (platform) => repeat(deleteOldQuotes, platform),
  'registrations.set_nameservers': (platform, payload) => setNameservers(platform, payload.domain_id),
  'registrations.renew_due': (platform) => renewDueRegistrations(platform),
  'registrations.expire': (platform) => expireRegistrations(platform, addActivation),
  'registrations.observe': (platform) => observeRegistrations(platform),
  'mailbox.activate_waiting': (platform, payload) => activateWaitingMailboxes(platform, payload.domain_id),
  'mailbox.end_periods': async (platform) => {
    await repeat(beginMissingPeriods, platform)
    // As many as there are: a node that stops is followed by the next run, which goes on where it was.
    await endDuePeriods(platform)
    await repeat(lookAtUnpaid, platform)
    await repeat(failUnpaidWaits, platform)
  },
  'mailbox.announce_renewals': (platform) => repeat(announceRenewals, platform),
  'messages.forget_summaries': (platform, payload) => forgetSummaries(platform, payload.workspace_id),
  'mailbox.fetch_picture': fetchPictureOf,
  'mailbox.make_scheduled': async (platform) => {
    await repeat(makeDueMailboxes, platform)
    await forgetFailedMailboxes(platform)
  },
  'mailbox.purge': (platform, payload) => purgeMailbox(platform, payload.mailbox_id),
  'mailbox.purge_due': (platform) => purgeDueMailboxes(platform),
  'agent_signups.mail_code': (platform, payload) => mailCode(platform, payload.identity_id),
  'agent_signups.mail_invitation': (platform, payload) => mailInvitation(platform, payload.identity_id),
  'agent_signups.expire': (platform) => repeat(expireSignups, platform),
  'mailbox.expire_app_passwords': (platform) => repeat(tellExpiredAppPasswords, platform),
  'accounts.forget_login_failures': (platform) => repeat(deleteOldGuards, platform),
  'mailbox.expire_aliases': (platform) => repeat(expireAliases, platform),
  'engines.reconcile': (platform, payload) => reconcileConnection(platform, payload.connection_id),
  'engines.reconcile_due': (platform) => reconcileDue(platform),
  'engines.observe': (platform, { connection_id: id }) =>
    id === undefined ? observeAll(platform) : observeConnection(platform, id),
  'sequencers.reconcile': (platform, payload, stopping) =>
    reconcileSequencer(platform, payload.sequencer_id, stopping),
  'sequencers.find_changes': (platform) => findChanges(platform),
  'setups.advance': (platform) => advanceSetups(platform),
  'sequencers.clean_up': (platform) => repeat(deleteOldExports, platform),
  'imports.run': (platform, payload) => runImport(platform, payload.mailbox_id),
  'imports.resume': (platform) => resumeImports(platform),
  'bodies.sweep': (platform) => repeat(sweepBodies, platform),
  'maildrop.expire': async (platform) => {
    await expireRetrieved(platform)
    await deleteEndedMaildropLocks(platform)
  },
  'search.index': (platform, { mailbox_id: mailboxId, folder_id: folderId }) =>
    indexFolder(platform, { mailboxId, folderId }),
  'search.schedule': (platform) => scheduleIndexing(platform),
  'retention.clean_up': (platform) => repeat(cleanUpDueFolders, platform),
  'retention.expire': (platform) => repeat(expireDeletedMessages, platform),
  'retention.replan': (platform, payload) => replanWorkspace(platform, payload.workspace_id),
  'tombstones.prune_folder': (platform, payload) =>
    pruneFolderTombstones(platform, payload.mailbox_id, payload.folder_id),
  'tombstones.prune_old': (platform) => repeat(pruneOldTombstones, platform),
  'delivery.send_due': (platform) => repeat(sendDue, platform),
  'drafts.clean_up': async (platform) => {
    await forgetGoneDrafts(platform)
    await forgetGoneTrackings(platform)
  },
  'delivery.notify': (platform, payload) => notifySender(platform, payload.outbound_message_id),
  'reports.take_in': (platform, payload) =>
    takeInDomainReport(platform, {
      bodyId: payload.body_id,
      holderId: payload.holder_id,
      domainId: payload.domain_id,
    }),
  'reports.plan': (platform) => planReports(platform),
  'reports.send': (platform, payload) => sendReport(platform, payload),
  'reports.clean_up': (platform) => repeat(deleteOldReports, platform),
  'autoreply.send': sendAutoreply,
  'routing.prune': (platform) => repeat(pruneRouting, platform),
  'bounces.take_in': takeInReport,
  'spam.learn': (platform, payload) => learnFromChange(platform, payload),
  'spam.clean_up': (platform) => repeat(deleteOldTriplets, platform),
  'spam.forget': async (platform) => {
    await repeat(deleteOrphanedSenderLists, platform)
    await repeat(forgetLessons, platform)
  },
  'limits.review': (platform, payload) => reviewSender(platform, payload.mailbox_id),
  'limits.review_all': (platform) => reviewAll(platform),
  'limits.settle': (platform, payload) => settleSending(platform, payload.scope_id),
  'limits.clean_up': async (platform) => {
    await repeat(deleteOldCounters, platform)
    await repeat(forgetSentRecipients, platform)
    await repeat(forgetPurgedSenders, platform)
  },
  'approvals.expire': (platform) => repeat(expireApprovals, platform),
  'approvals.clean_up': (platform) => repeat(deleteOldApprovals, platform),
  'outbound.expire': (platform) => repeat(expireOutbound, platform),
  'webhooks.settle': (platform, payload) => settleQueue(platform, payload.webhook_id),
  'webhooks.forget': (platform, payload) => forgetDeliveries(platform, payload.webhook_id),
  'webhooks.replay': runReplay,
  'webhooks.clean_up': (platform) => cleanUpWebhooks(platform),
  'platform.clean_up': async (platform) => {
    await deleteOldEvents(platform)
    await repeat(deleteOldAudit, platform)
    await deleteOldIdempotencyKeys(platform)
    await deleteOldSessions(platform)
    await deleteOldInvitations(platform)
    await repeat(deleteExpiredSuppressions, platform)
  },
}

export const jobSchedule: JobSchedule = {
  'subscriptions.renew': '* * * * *',
  'billing.number_invoices': '* * * * *',
  'payments.reconcile': '*/5 * * * *',
  'payments.missed_events': '13 * * * *',
  'payments.clean_up': '33 3 * * *',
  'certificates.reconcile': '*/10 * * * *',
  'domains.make_missing_dkim_keys': '*/15 * * * *',
  'domains.renew_signed_zones': '29 2 * * *',
  'domains.end_mta_sts': '51 * * * *',
  'domains.check_due': '* * * * *',
  'domains.rotate_due_dkim_keys': '19 * * * *',
  'mailbox.end_periods': '*/5 * * * *',
  'mailbox.announce_renewals': '13 * * * *',
  'mailbox.make_scheduled': '* * * * *',
  'mailbox.purge_due': '*/10 * * * *',
  'mailbox.expire_aliases': '*/10 * * * *',
  'engines.reconcile_due': '* * * * *',
  'engines.observe': '43 4 * * *',
  'sequencers.find_changes': '* * * * *',
  'setups.advance': '* * * * *',
  'sequencers.clean_up': '47 3 * * *',
  'domains.remove_due': '*/10 * * * *',
  'orders.resume': '* * * * *',
  'orders.clean_up': '53 * * * *',
  'registrations.renew_due': '21 * * * *',
  'registrations.expire': '*/10 * * * *',
  'registrations.observe': '31 * * * *',
  'agent_signups.expire': '49 * * * *',
  'mailbox.expire_app_passwords': '* * * * *',
  'accounts.forget_login_failures': '*/10 * * * *',
  'imports.resume': '* * * * *',
  'bodies.sweep': '*/15 * * * *',
  'maildrop.expire': '23 * * * *',
  'search.schedule': '*/2 * * * *',
  'retention.clean_up': '*/10 * * * *',
  'retention.expire': '37 * * * *',
  'tombstones.prune_old': '*/10 * * * *',
  'delivery.send_due': '* * * * *',
  'drafts.clean_up': '57 4 * * *',
  'reports.plan': '11 1 * * *',
  'reports.clean_up': '41 3 * * *',
  'routing.prune': '47 * * * *',
  'spam.clean_up': '*/20 * * * *',
  'spam.forget': '41 3 * * *',
  'limits.review_all': '*/5 * * * *',
  'limits.clean_up': '17 * * * *',
  'approvals.expire': '*/5 * * * *',
  'approvals.clean_up': '27 * * * *',
  'outbound.expire': '47 * * * *',
  'webhooks.clean_up': '27 * * * *',
  'platform.clean_up': '7 * * * *',
}
