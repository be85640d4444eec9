/** PATCH /identities/{agent_handle}. */
import type { FastifyRequest } from 'fastify'
import type { Caller } from '../../mailboxes/callers.ts'
import { type Identity, type IdentityChanges, updateIdentity } from '../../mailboxes/identities.ts'
import { resumeMailbox, suspendMailbox } from '../../mailboxes/mailboxes.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf, headerOf } from '../callers.ts'
import { transact, transactOnce } from '../transact.ts'
import { requireAdministrator } from './callers.ts'
import { changeFilterModes } from './filter-modes.ts'
import {
  changesModes,
  IdentityChangesBody,
  type IdentityChangesRequest,
  mailModesOf,
  requireHandleLength,
  requireNoNumbers,
} from './identity-bodies.ts'
import { findIdentity, IdentityPath } from './identity-path.ts'
import { type IdentityBody, IdentityView, identityView } from './identity-view.ts'
import { errors } from './schemas.ts'

export function identityChangesRoute(app: Api, platform: Platform): void {
  app.patch(
    '/identities/:agent_handle',
    {
      schema: {
        summary: 'Change an identity',
        description:
          'What is left out stays. Handle, status and filter modes are not for keys of agents. In the platform’s domain the address follows the handle.',
        tags: ['Identities'],
        params: IdentityPath,
        body: IdentityChangesBody,
        response: { 200: IdentityView, ...errors(402, 404, 409, 422) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { agent_handle: ref } = request.params
      if (changesModes(request.body)) requireAdministrator(request)
      requireNoNumbers(request.body)
      const work = (tx: Tx): Promise<IdentityBody> => change(platform, tx, caller, ref, request.body)
      const key = headerOf(request, 'idempotency-key')
      if (key === undefined) return await transact(platform, caller, work)
      const once = { key, dialect: 'inkbox', request: partsOf(request) }
      const { reply: first } = await transactOnce(platform, caller, once, async (tx) => ({
        status: 200,
        body: JSON.stringify(await work(tx)),
      }))
      const body: IdentityBody = JSON.parse(first.body)
      return reply.code(200).send(body)
    },
  )
}

function partsOf({ method, url, body }: FastifyRequest): string[] {
  return [method, url, JSON.stringify(body)]
}

async function change(
  platform: Platform,
  tx: Tx,
  { scope }: Caller,
  ref: string,
  body: IdentityChangesRequest,
): Promise<IdentityBody> {
  const modes = mailModesOf(body)
  const before = await findIdentity(platform, scope, ref, tx)
  const handle = body.agent_handle === undefined ? before.handle : requireHandleLength(body.agent_handle)
  const changes: IdentityChanges = {
    ...(handle === before.handle ? {} : { handle, addressFollows: true }),
    ...(body.display_name === undefined ? {} : { displayName: body.display_name }),
    ...(body.description === undefined ? {} : { description: body.description }),
  }
  if (Object.keys(changes).length > 0) {
    await updateIdentity(platform, tx, scope, before.id, changes, null)
  }
  if (body.status !== undefined) await changeStatus(platform, tx, scope, before, body.status)
  if (Object.keys(modes).length > 0) {
    await changeFilterModes(platform, tx, scope, requireMailbox(before), modes)
  }
  return await identityView(platform, tx, await findIdentity(platform, scope, before.id, tx))
}

async function changeStatus(
  platform: Platform,
  tx: Tx,
  scope: Caller['scope'],
  identity: Identity,
  status: 'active' | 'paused',
): Promise<void> {
  if (status === 'active' && identity.mailbox_id === null) return
  const mailboxId = requireMailbox(identity)
  await (status === 'paused' ? suspendMailbox : resumeMailbox)(platform, tx, scope, mailboxId)
}

/** @throws Refusal mailbox_state_conflict. */
function requireMailbox({ mailbox_id }: Identity): string {
  if (mailbox_id !== null) return mailbox_id
  throw new Refusal('mailbox_state_conflict', 'The identity has no mailbox.')
}
