/** What a subscription wants to have told of what came before a message. */
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'

const ContextClass = Type.Union([
  Type.Object(
    { mode: Type.Literal('count'), count: Type.Integer({ minimum: 1, maximum: 50 }) },
    { additionalProperties: false },
  ),
  Type.Object(
    { mode: Type.Literal('window'), hours: Type.Integer({ minimum: 1, maximum: 168 }) },
    { additionalProperties: false },
  ),
  Type.Null(),
])

export const ContextConfig = Type.Object(
  {
    email: Type.Optional(ContextClass),
    texts: Type.Optional(ContextClass),
    calls: Type.Optional(ContextClass),
  },
  { additionalProperties: false },
)

export type ContextChoice = NonNullable<Static<typeof ContextClass>>
export type ContextChoices = Record<'email' | 'texts' | 'calls', ContextChoice | null>

const Settings = Type.Object({ context_config: Type.Union([ContextConfig, Type.Null()]) })

/** As the webhook keeps them. @param config null: nothing is wanted. */
export function settingsOf(config: Static<typeof ContextConfig> | null): Static<typeof Settings> {
  return { context_config: config }
}

/** What is wanted of each class; null: nothing at all. */
export function contextOf(settings: unknown): ContextChoices | null {
  const config = Value.Check(Settings, settings) ? settings.context_config : null
  if (config === null) return null
  return { email: config.email ?? null, texts: config.texts ?? null, calls: config.calls ?? null }
}
