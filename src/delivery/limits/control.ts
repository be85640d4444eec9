/** Sending as callers see and stop it. */
import { requireOrganization, requireWorkspace, requireWrite } from '../../accounts/principals.ts'
import type { Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { findLevel, type LevelCaller, type LevelRef } from '../levels.ts'
import { pauseSending, resumeSending } from './pause.ts'
import { type SendingReport, sendingReport } from './report.ts'

/** @throws Refusal mailbox_not_found, domain_not_found, workspace_not_found, forbidden. */
export async function getSending(
  platform: Platform,
  caller: LevelCaller,
  wanted: LevelRef,
): Promise<SendingReport> {
  return await sendingReport(platform, await findLevel(platform, caller, wanted), platform.db)
}

/**
 * Pauses or resumes; what is so already stays as it is. A key that is bound to a mailbox may do neither, and only one of the
 * whole organization resumes a workspace: the pause keeps it from harming the others.
 * @param change to pause with this reason, or null to resume.
 * @throws Refusal mailbox_not_found, domain_not_found, workspace_not_found, forbidden.
 */
export async function changeSending(
  platform: Platform,
  tx: Tx,
  caller: LevelCaller,
  wanted: LevelRef,
  change: { reason: string } | null,
): Promise<SendingReport> {
  requireWrite(caller.principal)
  requireWorkspace(caller.principal)
  if (change === null && wanted.scope === 'workspace') requireOrganization(caller.principal)
  const level = await findLevel(platform, caller, wanted, tx)
  const by = caller.scope.actor
  if (change === null) await resumeSending(platform, tx, level, by)
  else await pauseSending(platform, tx, level, { by, reason: change.reason })
  return await sendingReport(platform, level, tx)
}
