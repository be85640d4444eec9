/**
 * Random calls on mailboxes against the real server, with a model beside it. After each, the server's lists and what
 * RCPT TO is answered with are those of the model, and so is all that belongs to the mailboxes that it touched; now and
 * then everything is. MAILWRIGHT_TEST_SEED repeats a run, MAILWRIGHT_TEST_STEPS makes it longer.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compareAll, compareLists, compareMailbox } from '../src/testing/mailbox-model/compare.ts'
import { credentialPlans } from '../src/testing/mailbox-model/credentials.ts'
import { createBatch, lifePlans } from '../src/testing/mailbox-model/life.ts'
import { living, mailboxOf, type World } from '../src/testing/mailbox-model/model.ts'
import { completeBatches } from '../src/testing/mailbox-model/moves.ts'
import { type Dice, diceOf, type Plan, type PlannedCall } from '../src/testing/mailbox-model/plan.ts'
import { type ModelServer, startModelServer } from '../src/testing/mailbox-model/server.ts'
import { clockPath, surroundingPlans } from '../src/testing/mailbox-model/surroundings.ts'
import { randomNumbers } from '../src/testing/random-numbers.ts'
import { at, type Reply } from '../src/testing/test-api.ts'

// CI says the same of the same commit; elsewhere each run looks at something new.
const someSeed = process.env['CI'] === undefined ? Math.floor(Math.random() * 2 ** 31) : 1
const seed = Number(process.env['MAILWRIGHT_TEST_SEED'] ?? someSeed)
const steps = Number(process.env['MAILWRIGHT_TEST_STEPS'] ?? 100)
/** After so many steps everything is compared: a refused login takes a second. */
const stepsBetweenFullLooks = 10

/** Short months, the end of a year and a leap day are near. */
const beginnings = [
  '2027-01-30T22:30:00.250Z',
  '2027-10-31T23:59:59.999Z',
  '2028-01-31T00:00:00.000Z',
] as const

/** With fewer, most calls would be about nothing. */
const mailboxesMin = 4

const plans = [...lifePlans, ...credentialPlans, ...surroundingPlans]
const totalWeight = plans.reduce((sum, [weight]) => sum + weight, 0)

describe(`seed ${seed}`, () => {
  test(`${steps} calls`, async () => {
    const dice = diceOf(randomNumbers(seed))
    await using server = await startModelServer(new Date(dice.pick(beginnings)))
    const run: Run = { server, world: server.world, dice, history: [], kept: [] }
    try {
      for (let step = 1; step <= steps; step++) {
        await takeStep(run)
        if (step % stepsBetweenFullLooks === 0 || step === steps) await compareAll(server, run.world)
      }
    } catch (error) {
      const what = error instanceof Error ? error.stack : error
      throw new Error(`MAILWRIGHT_TEST_SEED=${seed}\n${run.history.join('\n')}\n${what}`)
    }
  })
})

type Run = {
  server: ModelServer
  world: World
  dice: Dice
  /** What was done so far, for whoever reads of a failure. */
  history: string[]
  /** Calls that were made under a key, to be sent again. */
  kept: Kept[]
}

type Kept = { key: string; planned: PlannedCall; reply: Reply; at: Date }

async function takeStep(run: Run): Promise<void> {
  const { server, world, dice } = run
  if (dice.oneIn(20)) await sendAgain(run, dice.pickAny(run.kept))
  const planned = nextCall(world, dice)
  if (planned.hasPreview && dice.oneIn(4)) await preview(run, planned)
  const before = new Set(world.mailboxes.keys())
  await make(run, planned)
  await server.settle(planned.path === clockPath)
  completeBatches(world)
  await compareLists(server, world)
  const made = [...world.mailboxes.keys()].filter((id) => !before.has(id))
  for (const id of [...planned.touched, ...made]) await compareMailbox(server, world, mailboxOf(world, id))
}

function nextCall(world: World, dice: Dice): PlannedCall {
  for (;;) {
    const isEmpty = living(world).length < mailboxesMin && dice.oneIn(2)
    const planned = (isEmpty ? createBatch : planAt(dice.below(totalWeight)))(world, dice)
    if (planned !== null) return planned
  }
}

function planAt(place: number): Plan {
  let left = place
  for (const [weight, plan] of plans) {
    left -= weight
    if (left < 0) return plan
  }
  throw new Error('the weights do not add up')
}

/** It is refused as the call would be, and changes nothing: the call behind it finds all as it was. */
async function preview(run: Run, { method, path, body, expected }: PlannedCall): Promise<void> {
  const reply =
    method === 'DELETE'
      ? await send(run, method, `${path}${path.includes('?') ? '&' : '?'}preview=true`)
      : await send(run, method, path, { ...body, preview: true })
  assert.equal(outcome(reply), /^\d/.test(expected) ? '200' : expected, `a preview: ${reply.text}`)
  if (reply.status === 200) assert.equal(at(reply.json, 'preview'), true)
}

async function make(run: Run, planned: PlannedCall): Promise<void> {
  const { method, path, body, expected } = planned
  const { world, dice, history } = run
  const key = method === 'POST' && dice.oneIn(4) ? `key-${history.length}` : null
  const madeAt = world.now
  const reply = await send(run, method, path, body, key)
  assert.equal(outcome(reply), expected, reply.text)
  const works = /^\d/.test(expected)
  if (works) planned.apply(reply.json)
  else planned.refused?.()
  if (key === null || planned.refused) return
  if (works) {
    const kept = { key, planned, reply, at: madeAt }
    if (path !== clockPath) run.kept.push(kept)
    return await sendAgain(run, kept)
  }
  assert.equal(outcome(await send(run, method, path, body, key)), expected, 'the same refusal again')
}

const keptMs = 72 * 3600 * 1000

/** The same call under its key has the same answer, and does nothing; another one under it is refused. */
async function sendAgain(run: Run, kept: Kept | null): Promise<void> {
  if (kept === null || run.world.now.getTime() - kept.at.getTime() >= keptMs) return
  const { method, path, body } = kept.planned
  const again = await send(run, method, path, body, kept.key)
  assert.deepEqual([again.status, again.json], [kept.reply.status, kept.reply.json], 'the answer of its key')
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  const other = await send(run, 'POST', clockPath, { advance: 'PT1S' }, kept.key)
  assert.equal(outcome(other), 'idempotency_key_reused')
}

async function send(
  { server, world, history }: Run,
  method: string,
  path: string,
  body?: object,
  key: string | null = null,
): Promise<Reply> {
  const line = `${history.length + 1}. ${world.now.toISOString()} ${method} ${path} ${JSON.stringify(body) ?? ''}`
  history.push(key === null ? line : `${line} (${key})`)
  const reply = await server.call(method, path, {
    ...(body === undefined ? {} : { body }),
    ...(key === null ? {} : { headers: { 'idempotency-key': key } }),
  })
  history[history.length - 1] += ` -> ${reply.status} ${at(reply.json, 'code') ?? at(reply.json, 'id') ?? ''}`
  return reply
}

/** The status when it worked, else the code of the problem. */
function outcome({ status, json }: Reply): string {
  return status < 400 ? String(status) : String(at(json, 'code'))
}
