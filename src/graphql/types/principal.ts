import { builder } from '../builder.js';

/** Who it was, as a row tells it; null: that was not kept yet. */
export const principalOf = ({
  principalId,
  principalName,
}: {
  principalId: string | null;
  principalName: string | null;
}) => (principalId === null ? null : { id: principalId, name: principalName ?? principalId });

export const Principal = builder.objectRef<{ id: string; name: string }>('Principal').implement({
  description: 'Who did something.',
  fields: (t) => ({
    id: t.exposeString('id', {
      description: "Stays the same for as long as it is the same one; a guest's is its machine's.",
    }),
    name: t.exposeString('name', { description: 'For people.' }),
  }),
});

/** For descriptions of fields. */
export const CREATED_BY = 'Who asked for it; null of what was there before that was kept.';
