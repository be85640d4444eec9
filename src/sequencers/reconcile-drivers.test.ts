/** An export by every driver against its stand-in, over real sockets, though calls fail and answers are lost. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openOn, type StandInName, standInNames, startQuick } from '../testing/sequencers/open.ts'
import { type Faults, faulty } from '../testing/sequencers/stand-in.ts'
import type { TestPlatform } from '../testing/test-platform.ts'
import {
  connectTool,
  exportTo,
  makeMailboxes,
  rowsAt,
  startSequencerPlatform,
  workOff,
} from '../testing/test-sequencers.ts'
import { getExport } from './export-pages.ts'
import { setSequencerDrivers } from './opening.ts'
import { sequencerPlatforms } from './platforms.ts'

let house: TestPlatform
before(async () => {
  house = await startSequencerPlatform()
})
after(() => house[Symbol.asyncDispose]())

/** A tenth fails, a twentieth is lost; where many mailboxes go in one call there are few calls, and more of both. */
function faultsAt(name: StandInName): Faults {
  return sequencerPlatforms[name].addMax === 1
    ? { failEvery: 10, loseEvery: 20 }
    : { failEvery: 5, loseEvery: 4 }
}

const count = 30

for (const name of standInNames) {
  test(`${name}: ${count} mailboxes are there once each`, async () => {
    await using standIn = await startQuick(name)
    setSequencerDrivers(house.platform, (_, { key, settings }) => ({
      driver: openOn(name, standIn, { key, settings }),
      nextCallAt: () => null,
    }))
    const wanted = (await makeMailboxes(house, count)).map(({ address }) => address).sort()
    const { id } = await connectTool(house, standIn, { platform: name })
    faulty(standIn, faultsAt(name))
    const { id: exportId } = await exportTo(house, id, wanted)
    await workOff(house.platform, id)
    assert.deepEqual([...standIn.accounts.keys()].sort(), wanted)
    assert.deepEqual(standIn.taken.toSorted(), wanted, 'none came in twice')
    const rows = await rowsAt(house, id)
    assert.deepEqual(
      rows.map(({ state, uncertain }) => [state, uncertain]),
      rows.map(() => ['connected', false]),
    )
    const { state, done } = await getExport(house.platform, house.scope, exportId)
    assert.deepEqual([state, done], ['completed', count])
    assert.notDeepEqual(standIn.lost, [])
    assert.deepEqual(standIn.complaints, [])
  })
}
