/**
 * An export of 500 mailboxes to a sequencer that allows so many calls a minute: how much of what it allows is used, and
 * whether it had to refuse any. The server is the real program with its embedded database, fsync on; the sequencer is the
 * stand-in for Smartlead. `exports=60` is the limit of Smartlead's standard plan, which takes more than eight minutes.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ChildServer, callApi } from '../src/testing/child-server.ts'
import { startSmartleadStandIn } from '../src/testing/sequencers/smartlead.ts'
import { faulty, type StandIn } from '../src/testing/sequencers/stand-in.ts'
import { at, textAt } from '../src/testing/test-api.ts'
import { makeMailboxes, withServer } from './server.ts'
import type { Row } from './table.ts'

const mailboxes = 500
const perMinuteDefault = 600
const environment = { MAILWRIGHT_OUTBOUND_NETWORKS: 'any' } // the stand-in is on loopback

/** @param perMinute calls that the sequencer allows. */
export async function exports(perMinute = perMinuteDefault): Promise<Row[]> {
  return await withServer(async (server) => {
    await using tool = faulty(await startSmartleadStandIn(), { perMinute })
    const addresses = await makeMailboxes(server, 'user', mailboxes)
    await carryOut(server, tool, addresses, perMinute)
    const added = new Set(tool.accounts.keys())
    if (addresses.some((address) => !added.has(address))) throw new Error('a mailbox is not there')
    const calls = tool.calledAt.length
    const minutes = ((tool.calledAt.at(-1) ?? 0) - (tool.calledAt[1] ?? 0)) / 60_000 // the first tried the key
    return [
      {
        what: `${mailboxes} mailboxes exported at ${perMinute} calls a minute: of the limit used`,
        value: ((calls - 1) / (minutes * perMinute)) * 100,
        unit: '%',
        goal: { atLeast: 95 },
      },
      {
        what: 'the same, most calls in any minute',
        value: mostInAMinute(tool.calledAt),
        unit: 'calls',
        goal: { atMost: perMinute },
      },
      { what: 'the same, calls for a mailbox', value: (calls - 1) / mailboxes, unit: 'calls' },
      { what: 'the same, from the first call to the last', value: minutes * 60, unit: 's' },
    ]
  }, environment)
}

async function carryOut(
  server: ChildServer,
  tool: StandIn,
  addresses: readonly string[],
  perMinute: number,
): Promise<void> {
  const sequencer = await callApi(server, 'POST', '/v1/sequencers', {
    name: 'bench',
    platform: 'smartlead',
    key: tool.key,
    settings: { base_url: tool.url, calls_per_minute: perMinute },
  })
  const body = { sequencer_id: textAt(sequencer, 'id'), mailboxes: addresses }
  const path = `/v1/exports/${textAt(await callApi(server, 'POST', '/v1/exports', body), 'id')}`
  for (let state = 'running'; state === 'running'; ) {
    await sleep(250)
    const found = await callApi(server, 'GET', path)
    state = textAt(found, 'state')
    if (at(found, 'failed') !== 0) throw new Error(`mailboxes failed: ${JSON.stringify(found)}`)
  }
}

function mostInAMinute(calledAt: readonly number[]): number {
  let first = 0
  let most = 0
  for (const [last, moment] of calledAt.entries()) {
    while ((calledAt[first] ?? moment) <= moment - 60_000) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}
