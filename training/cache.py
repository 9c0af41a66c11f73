"""Turns a model's layers into a cache of keys and values that grows in place while completions are written."""

from typing import Any

GROWTH_TOKENS = 16
"""Room added at a time where more tokens come than was foreseen."""


def build_cache(model: Any, capacity: int) -> Any:
    """The model's dynamic cache, whose full-attention layers have room for `capacity` tokens from the start.

    The library's own layer copies all keys and values for each new token, which takes longer than running a
    small model. Layers of other kinds (sliding windows, linear attention) stay as the library made them.
    """
    import torch
    from transformers.cache_utils import DynamicCache, DynamicLayer

    class RoomyLayer(DynamicLayer):
        """Keys and values are views of the filled part of two buffers (rows x heads x capacity x size)."""

        keys: torch.Tensor
        values: torch.Tensor
        buffers: tuple[torch.Tensor, torch.Tensor]

        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
        ) -> tuple[torch.Tensor, torch.Tensor]:
            if self.is_initialized:
                filled = self.keys.shape[-2]
            else:
                self.lazy_initialization(key_states, value_states)
                self.buffers = _widen(key_states, capacity), _widen(value_states, capacity)
                filled = 0
            total = filled + key_states.shape[-2]
            if total > self.buffers[0].shape[-2]:
                self.buffers = _widen(self.keys, total + GROWTH_TOKENS), _widen(self.values, total + GROWTH_TOKENS)
            self.buffers[0][..., filled:total, :] = key_states
            self.buffers[1][..., filled:total, :] = value_states
            return self._show(total)

        def batch_select_indices(self, indices: torch.Tensor) -> None:
            if self.get_seq_length() > 0:
                filled = self.keys.shape[-2]
                self.buffers = self.buffers[0].index_select(0, indices), self.buffers[1].index_select(0, indices)
                self._show(filled)

        def _show(self, filled: int) -> tuple[torch.Tensor, torch.Tensor]:
            self.keys, self.values = self.buffers[0][..., :filled, :], self.buffers[1][..., :filled, :]
            return self.keys, self.values

    cache = DynamicCache(config=model.config)
    if not cache.layers:
        cache.layer_class_to_replicate = RoomyLayer
    cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def _widen(states: Any, tokens: int) -> Any:
    """A buffer for `tokens` tokens that begins with `states`."""
    buffer = states.new_zeros((*states.shape[:-2], tokens, states.shape[-1]))
    buffer[..., : states.shape[-2], :] = states
    return buffer
