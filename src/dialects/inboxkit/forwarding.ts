/** Forwarding of mailboxes. It is done when it is answered: what is called a job here has nothing left to do. */

import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { forwardingMailboxes, putForwarding, targetsOf } from '../../mailboxes/forwarding.ts'
import { pageWorkspaceMailboxes } from '../../mailboxes/workspace-pages.ts'
import type { Api } from '../../platform/http/app.ts'
import { emptyBodyIsObject } from '../../platform/http/empty-body.ts'
import { Nullable } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { requireUid } from './mailbox-uids.ts'
import { closed, errors, Ok, ok, Uids, uidsMax } from './schemas.ts'

const tags = ['Mailbox forwarding']
const some = { ...Uids, minItems: 1 }

const ForwardingBody = Type.Object(
  { uids: some, forwarding_email: Type.String({ minLength: 1, maxLength: 320 }) },
  closed,
)
const RemoveBody = Type.Object({ uids: some }, closed)
const JobsBody = Type.Object({ uids: Type.Optional(some) }, closed)

const JobView = Type.Object(
  {
    uid: Type.String({ description: 'Of the mailbox.' }),
    status: Type.Literal('completed'),
    forwarding_email: Nullable(Type.String(), 'Null: it forwards nothing.'),
  },
  { title: 'ForwardingJob' },
)

const response = { 200: Ok({ jobs: Type.Array(JobView) }), ...errors(400) }

export function forwardingRoutes(app: Api, platform: Platform): void {
  for (const [path, summary] of [
    ['/mailboxes/forwarding/setup', 'Forward what mailboxes get'],
    ['/mailboxes/forwarding/update', 'Change where mailboxes forward to'],
  ] as const) {
    const description = 'All or none. The mailboxes keep a copy; other targets that they have are replaced.'
    app.post(path, { schema: { summary, description, tags, body: ForwardingBody, response } }, (request) => {
      const { uids, forwarding_email: target } = request.body
      return setTargets(platform, callerOf(request), uids, [target])
    })
  }
  app.post(
    '/mailboxes/forwarding/remove',
    { schema: { summary: 'Stop forwarding', description: 'All or none.', tags, body: RemoveBody, response } },
    (request) => setTargets(platform, callerOf(request), request.body.uids, []),
  )
  app.post(
    '/mailboxes/forwarding/jobs',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Where mailboxes forward to',
        description: `As it is now. Without uids those that forward, ${uidsMax} at most; what there is not is left out.`,
        tags,
        body: JobsBody,
        response,
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { uids } = request.body
      const ids = uids
        ? await foundOf(platform, scope, uids)
        : await forwardingMailboxes(platform.db, scope, uidsMax)
      return ok('Forwarding retrieved successfully', { jobs: await jobsOf(platform, ids) })
    },
  )
}

async function setTargets(
  platform: Platform,
  caller: Caller,
  uids: readonly string[],
  targets: readonly string[],
) {
  // In the order in which all transactions lock them.
  const ids = [...new Set(uids.map((uid) => requireUid(uid).toLowerCase()))].sort()
  await transact(platform, caller, async (tx) => {
    for (const id of ids) await putForwarding(platform, tx, caller.scope, id, { targets, keepCopy: true })
  })
  return ok('Forwarding updated successfully', { jobs: await jobsOf(platform, ids) })
}

async function foundOf(platform: Platform, scope: Scope, ids: readonly string[]): Promise<string[]> {
  const page = { number: 1, size: uidsMax }
  const { rows } = await pageWorkspaceMailboxes(platform.db, scope, { among: { ids, domainIds: [] } }, page)
  return rows.map(({ id }) => id)
}

async function jobsOf(platform: Platform, ids: readonly string[]): Promise<Static<typeof JobView>[]> {
  const targets = await targetsOf(platform.db, ids)
  return ids.map((uid) => ({
    uid,
    status: 'completed' as const,
    forwarding_email: targets.get(uid)?.[0] ?? null,
  }))
}
