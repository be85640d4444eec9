/** /v1/sequencers/{sequencer}/mailboxes: what is at a sequencer, and its removal. */
import { type Static, Type } from 'typebox'
import type { Platform } from '../platform/platform.ts'
import { listSequencerMailboxes } from '../sequencers/export-pages.ts'
import { type Removal, removeFromSequencer } from '../sequencers/removal.ts'
import { sequencerMailboxStates } from '../sequencers/states.ts'
import { scopeOf } from './caller.ts'
import { choiceBody, toChoice } from './export-choice.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { OrPreview, type Preview, PreviewView, preview } from './preview.ts'
import { postProblems, readProblems } from './problem-view.ts'
import { AnyOf, type Api, closed, OneOf, PageOf, pageQuery, pageRequest, pageView } from './schemas.ts'
import { SequencerMailboxView, SequencerPath, sequencerMailboxView } from './sequencer-view.ts'

const RemovalBody = Type.Object(
  {
    ...choiceBody,
    abandon: Type.Optional(Type.Boolean({ description: 'Forget them here and leave their accounts there.' })),
    preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })),
  },
  closed,
)
const RemovalView = Type.Object(
  {
    removing: Type.Integer({ description: 'Their accounts are to be taken away there.' }),
    forgotten: Type.Integer({ description: 'Nothing of them was there, or it is abandoned.' }),
    not_there: Type.Integer({ description: 'They were never asked for.' }),
  },
  { title: 'SequencerRemoval' },
)
const tags = ['sequencers']

export function sequencerMailboxRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/sequencers/:sequencer/mailboxes',
    {
      schema: {
        summary: 'List the mailboxes at a sequencer',
        description:
          'Those that are there or are to be there, each with its state and the sequencer’s own error.',
        tags,
        params: SequencerPath,
        querystring: Type.Object(
          { ...pageQuery, state: Type.Optional(OneOf(sequencerMailboxStates)) },
          closed,
        ),
        response: {
          200: PageOf(SequencerMailboxView),
          ...readProblems('sequencer_not_found', 'invalid_cursor'),
        },
      },
    },
    async (request) => {
      const { state = null, ...query } = request.query
      const { sequencer } = request.params
      const page = pageRequest(query)
      const found = await listSequencerMailboxes(platform, scopeOf(request), sequencer, { state }, page)
      return pageView(found, sequencerMailboxView)
    },
  )
  app.post(
    '/v1/sequencers/:sequencer/mailboxes/remove',
    {
      bodyLimit: apiLimits.batchBodyBytesMax,
      schema: {
        summary: 'Take mailboxes away from a sequencer',
        description: 'Named ones, or those that the filter selects. The mailboxes themselves stay.',
        tags,
        params: SequencerPath,
        body: RemovalBody,
        response: {
          200: OrPreview(RemovalView),
          ...postProblems('sequencer_not_found', 'mailbox_not_found', 'domain_not_found'),
        },
      },
      config: { documented: { replies: { 200: AnyOf(RemovalView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { abandon = false, preview: isPreview = false } = request.body
      const choice = toChoice(request.body)
      const { sequencer } = request.params
      if (isPreview) {
        return preview(platform, reply, async (tx) =>
          previewOf(await removeFromSequencer(platform, tx, scope, sequencer, choice, abandon)),
        )
      }
      return mutate(platform, request, reply, async (tx) => {
        const removals = await removeFromSequencer(platform, tx, scope, sequencer, choice, abandon)
        return { status: 200, body: removalView(removals) }
      })
    },
  )
}

function removalView(removals: readonly Removal[]): Static<typeof RemovalView> {
  const count = (outcome: Removal['outcome']): number =>
    removals.filter((removal) => removal.outcome === outcome).length
  return { removing: count('removing'), forgotten: count('forgotten'), not_there: count('not_there') }
}

function previewOf(removals: readonly Removal[]): Preview {
  return {
    objects: removals
      .filter(({ outcome }) => outcome !== 'not_there')
      .map(({ id, address, outcome }) => ({
        type: 'mailbox' as const,
        action: 'remove' as const,
        id,
        name: address,
        state: outcome,
      })),
  }
}
