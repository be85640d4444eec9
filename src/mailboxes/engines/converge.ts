/**
 * Tells the service what has changed here, one thing after another. What has not changed here is left as it is there:
 * an admin may have had his reasons, and a suspension by the service is not for us to undo.
 */
import type { Platform } from '../../platform/platform.ts'
import type { EngineChange } from '../engines.ts'
import { pictureJpeg } from '../pictures.ts'
import { concernsConnection } from './connection-health.ts'
import { RemoteFailure, type RemoteUser } from './driver.ts'
import { enginePolicy } from './policy.ts'
import { ageMs, idOf, note, type Run, type StepResult } from './run.ts'
import { aliasesOf, namesOf, passwordOf } from './wanted.ts'

/** A suspended user may not be changed: the state comes first. An alias may be the address that was left. */
const order = ['state', 'address', 'details', 'aliases', 'password', 'picture'] as const

/** @throws RemoteFailure the first of those that are final, after the rest was done. */
export async function converge(platform: Platform, run: Run): Promise<StepResult> {
  if (run.remote.changed.length === 0) return 'done'
  const user = await run.driver.get(idOf(run))
  if (user === null && ageMs(platform, run) < enginePolicy.alarmAfterMs) return 'wait'
  if (user === null || user.state === 'deleted') return await noteGone(platform, run, user)
  const told: EngineChange[] = []
  let first: RemoteFailure | null = null
  for (const change of order.filter((one) => run.remote.changed.includes(one))) {
    try {
      await changes[change](platform, run, user)
      told.push(change)
    } catch (error) {
      if (!(error instanceof RemoteFailure)) throw error
      first ??= error
      if (concernsConnection(error)) break
    }
  }
  const seen = told.length === 0 ? user : ((await run.driver.get(idOf(run))) ?? user)
  const state = stateAfter(run, seen, told)
  await note(platform, run, { state, told, user: seen, ...(first === null ? { failure: null } : {}) })
  if (first !== null) throw first
  return 'done'
}

function stateAfter(run: Run, seen: RemoteUser, told: readonly EngineChange[]): 'ready' | 'suspended' {
  const isSuspended = told.includes('state') ? run.mailbox.state === 'suspended' : seen.state === 'suspended'
  return isSuspended ? 'suspended' : 'ready'
}

/** Deleted there by somebody else: brought back only when that was asked for. */
async function noteGone(platform: Platform, run: Run, user: RemoteUser | null): Promise<StepResult> {
  const days = run.driver.capabilities.restoreDays
  const restorableUntil =
    user === null ? null : new Date(platform.clock.now().getTime() + days * 24 * 3_600_000)
  await note(platform, run, { state: 'deleted', restorableUntil, ...(user === null ? {} : { user }) })
  return 'again'
}

type Change = (platform: Platform, run: Run, user: RemoteUser) => Promise<void>

const changes: Readonly<Record<(typeof order)[number], Change>> = {
  async state(_, run, user) {
    const suspended = run.mailbox.state === 'suspended'
    if (suspended !== (user.state === 'suspended')) await run.driver.update(user.id, { suspended })
    // A licence that somebody took away, perhaps.
    if (user.problem !== null) await run.driver.complete?.(user.id)
  },
  async address(platform, run, user) {
    const { address } = run.mailbox
    if (user.address === address) return
    // Noted first: the old address stays there as an alias, which is then ours to take away.
    await note(platform, run, { aliases: [...new Set([...run.remote.aliases, user.address])] })
    await run.driver.update(user.id, { address })
  },
  async details(_, run, user) {
    await run.driver.update(user.id, namesOf(run.mailbox))
  },
  aliases: tellAliases,
  async password(platform, run, user) {
    const password = await passwordOf(platform, run.mailbox.id)
    if (password !== null) await run.driver.setPassword(user.id, password)
  },
  async picture(platform, run, user) {
    await run.driver.setPicture(user.id, await pictureJpeg(platform.db, run.mailbox.id))
  },
}

/** Adds what is wanted, and takes away what we once added and is wanted no more. */
async function tellAliases(platform: Platform, run: Run, before: RemoteUser): Promise<void> {
  const wanted = await aliasesOf(platform, run.mailbox.id)
  const user = (await run.driver.get(before.id)) ?? before // a change of the address made one
  const superfluous = run.remote.aliases.filter(
    (alias) => !wanted.includes(alias) && alias !== run.mailbox.address,
  )
  const missing = wanted.filter((alias) => !user.aliases.includes(alias) && alias !== user.address)
  // Noted first: one that is there without a note would never be taken away.
  await note(platform, run, { aliases: [...new Set([...run.remote.aliases, ...missing])] })
  let first: RemoteFailure | null = null
  const attempt = async (work: Promise<void>): Promise<boolean> => {
    try {
      await work
      return true
    } catch (error) {
      if (!(error instanceof RemoteFailure) || concernsConnection(error)) throw error
      first ??= error
      return false
    }
  }
  const gone: string[] = []
  for (const alias of superfluous) {
    if (await attempt(takeAlias(run, user.id, alias))) gone.push(alias)
  }
  for (const alias of missing) await attempt(giveAlias(run, user.id, alias))
  await note(platform, run, { aliases: run.remote.aliases.filter((alias) => !gone.includes(alias)) })
  if (first !== null) throw first
}

async function takeAlias({ driver }: Run, id: string, alias: string): Promise<void> {
  try {
    await driver.removeAlias(id, alias)
  } catch (error) {
    if (!(error instanceof RemoteFailure) || error.kind !== 'not_found') throw error
  }
}

/** One that the user has already is no conflict: the reading was old. */
async function giveAlias({ driver }: Run, id: string, alias: string): Promise<void> {
  try {
    await driver.addAlias(id, alias)
  } catch (error) {
    if (!(error instanceof RemoteFailure) || error.kind !== 'conflict') throw error
    if ((await driver.findByAddress(alias))?.id !== id) throw error
  }
}
