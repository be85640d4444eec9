/**
 * What is to be done next for a mailbox at its service. Each step reads first, because neither service promises that
 * what was asked for was done, nor that what was done is seen; and notes before it asks for what cannot be asked twice.
 */
import { isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { bringAway, bringBack } from './away.ts'
import { converge } from './converge.ts'
import { RemoteFailure, type RemoteUser } from './driver.ts'
import { enginePolicy } from './policy.ts'
import { ageMs, idOf, note, type Run, type StepResult } from './run.ts'
import { namesOf, passwordOf, presenceOf } from './wanted.ts'

/** @throws RemoteFailure. */
export async function step(platform: Platform, run: Run): Promise<StepResult> {
  const presence = presenceOf(run.mailbox.state)
  if (presence === 'none') return 'done'
  if (presence === 'gone') return await bringAway(platform, run)
  switch (run.remote.state) {
    case 'requested':
    case 'creating':
      return await create(platform, run)
    case 'propagating':
      return await awaitReady(platform, run)
    case 'ready':
    case 'suspended':
      return await converge(platform, run)
    case 'deleting':
    case 'deleted':
      return await bringBack(platform, run)
    case 'failed':
      return 'done'
  }
}

/** There is no key that makes a creation happen once: the intent is noted, and the mark tells what came of it. */
async function create(platform: Platform, run: Run): Promise<StepResult> {
  const { driver, mailbox, remote } = run
  const found = await driver.findByAddress(mailbox.address)
  if (found !== null) return await adopt(platform, run, found)
  if (remote.state === 'requested') await note(platform, run, { state: 'creating' })
  const password = await passwordOf(platform, mailbox.id)
  if (password === null) throw new RemoteFailure('rejected', 'The mailbox has no password.')
  try {
    const user = await driver.create({
      address: mailbox.address,
      ...namesOf(mailbox),
      password,
      suspended: mailbox.state === 'suspended',
      mark: remote.mark,
    })
    return await noteCreated(platform, run, user)
  } catch (error) {
    if (!(error instanceof RemoteFailure) || error.kind !== 'conflict') throw error
    const there = await driver.findByAddress(mailbox.address)
    if (there !== null) return await adopt(platform, run, there)
    // Somebody has it whom a look-up does not find: not yet, or a group, or one that was deleted lately.
    if (ageMs(platform, run) > enginePolicy.alarmAfterMs) throw error
    throw new RemoteFailure('not_ready', error.message, { requestId: error.requestId, cause: error })
  }
}

/** An earlier attempt's user is ours; anybody else's is left alone. */
async function adopt(platform: Platform, run: Run, user: RemoteUser): Promise<StepResult> {
  if (user.mark === run.remote.mark) return await noteCreated(platform, run, user)
  if (user.mark !== null && (await isLeaving(platform, run, user.mark))) {
    throw new RemoteFailure(
      'not_ready',
      `Who had ${run.mailbox.address} before is still being deleted there.`,
    )
  }
  throw new RemoteFailure('conflict', `${run.mailbox.address} is the address of another user there.`)
}

/** Whether the mark is that of a mailbox which was deleted for good here, and is not yet gone there. */
async function isLeaving({ db }: Platform, { remote }: Run, mark: string): Promise<boolean> {
  if (!isId(mark)) return false
  const row = await db
    .selectFrom('mailbox_remotes')
    .innerJoin('mailboxes', 'mailboxes.id', 'mailbox_remotes.mailbox_id')
    .select('mailbox_remotes.mailbox_id')
    .where('mailbox_remotes.connection_id', '=', remote.connection_id)
    .where('mailbox_remotes.mailbox_id', '=', mark) // remote-engine.ts marks by the mailbox's id
    .where('mailboxes.state', '=', 'deleted')
    .executeTakeFirst()
  return row !== undefined
}

async function noteCreated(platform: Platform, run: Run, user: RemoteUser): Promise<StepResult> {
  const told = ['state', 'details', 'password']
  await note(platform, run, { state: 'propagating', remoteId: user.id, user, failure: null, told })
  return 'again'
}

async function awaitReady(platform: Platform, run: Run): Promise<StepResult> {
  const user = await run.driver.get(idOf(run))
  if (user === null) return 'wait' // what was made a moment ago is not seen by every reader
  if (user.state === 'deleted') {
    await note(platform, run, { user })
    throw new RemoteFailure('rejected', 'The user was deleted there before it was ready.')
  }
  if (!user.isReady) {
    if (user.problem !== null) await run.driver.complete?.(user.id)
    await note(platform, run, { user })
    return 'wait'
  }
  await note(platform, run, {
    state: user.state === 'suspended' ? 'suspended' : 'ready',
    user,
    failure: null,
    mailboxState: 'active',
  })
  return 'again'
}
