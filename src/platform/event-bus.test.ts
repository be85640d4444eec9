import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEventBus, type PublishedEvent } from './event-bus.ts'

function eventOf(type: string, mailboxId: string | null = null): PublishedEvent {
  return { type, organizationId: 'o', workspaceId: null, mailboxId, data: {} }
}

function neverFails(error: unknown): never {
  throw error
}

test('everyone hears everything in order; a mailbox’s listener hears its own', () => {
  const bus = createEventBus(neverFails)
  const all: string[] = []
  const mine: string[] = []
  bus.subscribe((event) => all.push(event.type))
  bus.subscribeMailbox('m1', (event) => mine.push(event.type))
  bus.publish([eventOf('a', 'm1'), eventOf('b', 'm2'), eventOf('c')])
  bus.publish([eventOf('d', 'm1')])
  assert.deepEqual(all, ['a', 'b', 'c', 'd'])
  assert.deepEqual(mine, ['a', 'd'])
})

test('who has stopped hears nothing more, and stops nobody else', () => {
  const bus = createEventBus(neverFails)
  const heard: string[] = []
  const stopFirst = bus.subscribeMailbox('m', () => heard.push('first'))
  const stopSecond = bus.subscribeMailbox('m', () => heard.push('second'))
  const stopAll = bus.subscribe(() => heard.push('all'))
  stopFirst()
  stopFirst()
  bus.publish([eventOf('a', 'm')])
  assert.deepEqual(heard, ['all', 'second'])
  stopSecond()
  stopAll()
  bus.publish([eventOf('a', 'm')])
  assert.equal(heard.length, 2)
  bus.subscribeMailbox('m', () => heard.push('third'))
  stopSecond()
  bus.publish([eventOf('a', 'm')])
  assert.deepEqual(heard, ['all', 'second', 'third'])
})

test('a listener that throws keeps no other from hearing, and is reported', () => {
  const errors: unknown[] = []
  const bus = createEventBus((error) => errors.push(error))
  const heard: string[] = []
  const failure = new Error('a defect')
  bus.subscribe(() => {
    throw failure
  })
  bus.subscribe((event) => heard.push(event.type))
  bus.publish([eventOf('a'), eventOf('b')])
  assert.deepEqual(heard, ['a', 'b'])
  assert.deepEqual(errors, [failure, failure])
})
