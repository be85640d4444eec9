/** Tools that change something: one transaction each, made at most once for an idempotency key. */

import * as z from 'zod'
import { partyOf } from '../accounts/principals.ts'
import { nameActor } from '../platform/actors.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { fingerprintOf, isIdempotencyKey, runIdempotently } from '../platform/idempotency.ts'
import type { Answer } from './answer.ts'
import type { ToolCall } from './tool.ts'

export const idempotencyKey = z
  .string()
  .min(1)
  .max(255)
  .optional()
  .describe(
    'Any text of your own for this one action. The same call again with the same key is not done twice: it gets the first ' +
      'result. Give one whenever you might repeat the call, for instance after a timeout.',
  )

const StoredAnswer = z.object({ words: z.string(), data: z.record(z.string(), z.unknown()) })

/**
 * Runs `work` in a transaction, once for the key.
 * @param args of the call: with the tool, the workspace and the caller they are what makes two calls the same.
 * @throws Refusal idempotency_key_invalid, idempotency_key_reused, idempotency_key_in_use, and what `work` refuses with.
 */
export async function changeOnce(
  { platform, caller: { principal, scope } }: ToolCall,
  tool: string,
  args: Readonly<Record<string, unknown>> & { idempotency_key?: string | undefined },
  work: (tx: Tx) => Promise<Answer>,
): Promise<Answer> {
  const { idempotency_key: key, ...rest } = args
  const named = (tx: Tx): Promise<Answer> => {
    nameActor(tx, scope.actor)
    return work(tx)
  }
  if (key === undefined) return await transaction(platform.db, named)
  if (!isIdempotencyKey(key)) throw new Refusal('idempotency_key_invalid')
  const fingerprint = fingerprintOf([
    'mcp',
    tool,
    scope.workspaceId,
    partyOf(principal),
    JSON.stringify(rest),
  ])
  const { reply, replayed } = await runIdempotently(
    platform,
    { scopeId: principal.organizationId, key, fingerprint },
    async (tx) => {
      const { words, data } = await named(tx)
      return { status: 200, body: JSON.stringify({ words, data }) }
    },
  )
  const answer = StoredAnswer.parse(JSON.parse(reply.body))
  if (!replayed) return answer
  return {
    words: `This was done already, by the first call with this idempotency key. ${answer.words}`,
    data: { ...answer.data, replayed: true },
  }
}

/**
 * The same for what is read and made ready before the transaction. With a key a refusal of that waits for the transaction:
 * the same key again gets the first result, whatever holds by then.
 */
export async function changePrepared<T>(
  call: ToolCall,
  tool: string,
  args: Parameters<typeof changeOnce>[2],
  prepare: () => Promise<T>,
  write: (tx: Tx, prepared: T) => Promise<Answer>,
): Promise<Answer> {
  const outcome = await prepare().then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if ('error' in outcome && args.idempotency_key === undefined) throw outcome.error
  return await changeOnce(call, tool, args, async (tx) => {
    if ('error' in outcome) throw outcome.error
    return await write(tx, outcome.value)
  })
}
